//! One import, from its first octet to its report.

use std::time::Duration;

use axum::{body::Body, response::Response};
use futures_util::future::join_all;
use http_body_util::BodyExt;
use service::Kind;
use shared::Representation;
use tokio::time::{Instant, sleep};

use super::{
    line::{self, Judged, Verdict},
    report::{LineError, Report, Stop},
    window::{Fate, InFlight, Window},
};
use crate::{
    commit::{Submitted, WriteError},
    http::{Backend, access::Grant, expiry},
    ndjson::{Content, LINE_BYTES_MAX, Line, Lines},
    store::{Action, Mutation, Outcome, Precondition},
};

/// Lines go to the renderer's threads in parts of about this many octets: enough to make changing
/// threads worth it.
const PART_BYTES: usize = 16 * 1024;

/// How long an import that has nothing in flight waits for room in a queue that others keep full.
const ROOM_PATIENCE: Duration = Duration::from_secs(10);

/// How often it looks.
const ROOM_PAUSE: Duration = Duration::from_millis(5);

pub(super) struct Import<'a> {
    backend: &'a Backend,
    collection: String,
    grant: Option<Grant>,
    errors_max: usize,
    lines: Lines,
    window: Window,
    report: Report,
}

impl<'a> Import<'a> {
    pub(super) fn new(
        backend: &'a Backend,
        collection: String,
        grant: Option<Grant>,
        errors_max: usize,
    ) -> Self {
        Self {
            backend,
            collection,
            grant,
            errors_max,
            lines: Lines::new(LINE_BYTES_MAX),
            window: Window::default(),
            report: Report::default(),
        }
    }

    /// Reads the content to its end, or to what stops the import.
    ///
    /// # Cancel safety
    /// Dropping it, as when the client goes, skips the lines that no batch has taken yet. What was
    /// committed stays.
    pub(super) async fn run(mut self, content: Body) -> Response {
        let read = self.read(content).await;
        // After a stop too: what was queued before it may be committed.
        let settled = self.settle_all().await;
        self.report.lines = self.lines.taken();
        let stop = read.and(settled).err();
        if let Some(stop) = &stop {
            tracing::warn!(
                ?stop,
                lines_done = self.report.lines_done,
                "an import stopped"
            );
        }
        self.report.answer(stop.as_ref())
    }

    async fn read(&mut self, mut content: Body) -> Result<(), Stop> {
        // Awaited alone and to its end: content that is asked for and not taken looks like a slow
        // client to the connection.
        while let Some(frame) = content.frame().await {
            let frame = frame.map_err(|_broken| Stop::Content)?;
            let Ok(chunk) = frame.into_data() else {
                // Trailers.
                continue;
            };
            // An import may last for hours, and its token be removed meanwhile.
            let grant = self.grant.as_ref();
            if grant.is_some_and(|grant| !grant.holds(&self.collection)) {
                return Err(Stop::Revoked);
            }
            self.lines.push(chunk);
            let group: Vec<Line> = std::iter::from_fn(|| self.lines.take()).collect();
            self.take(group).await?;
        }
        let last = self.lines.finish();
        self.take(last.into_iter().collect()).await
    }

    /// Judges lines and queues their documents in order.
    async fn take(&mut self, group: Vec<Line>) -> Result<(), Stop> {
        for judged in self.judge(group).await {
            self.queue(judged).await?;
        }
        Ok(())
    }

    async fn judge(&self, group: Vec<Line>) -> Vec<Judged> {
        let renderer = &self.backend.renderer;
        let (codings, now) = (renderer.codings(), expiry::now());
        let judging = parts(group).into_iter().map(|part| {
            let collection = self.collection.clone();
            renderer.run(move || -> Vec<Judged> {
                part.iter()
                    .map(|line| line::judge(line, &collection, codings, now))
                    .collect()
            })
        });
        join_all(judging).await.into_iter().flatten().collect()
    }

    async fn queue(&mut self, judged: Judged) -> Result<(), Stop> {
        let line = judged.number;
        let (fate, bytes) = match judged.verdict {
            Verdict::Blank => (Fate::Blank, 0),
            Verdict::Invalid(error) => (Fate::Failed(error), 0),
            Verdict::Document {
                key,
                body,
                expires_at,
                representations,
            } => {
                let bytes = representations.iter().map(|one| one.octets.len()).sum();
                let id = key.id().to_owned();
                self.make_room(bytes).await?;
                let mutation = Mutation {
                    key,
                    action: Action::Put { body, expires_at },
                    precondition: Precondition::None,
                    retry: None,
                };
                let submitted = self.submit(&mutation, &representations).await?;
                (Fate::Submitted { id, submitted }, bytes)
            }
        };
        self.make_room(bytes).await?;
        self.window.push(InFlight { line, bytes, fate });
        Ok(())
    }

    async fn make_room(&mut self, bytes: usize) -> Result<(), Stop> {
        while !self.window.has_room(bytes) {
            self.settle_first().await?;
        }
        Ok(())
    }

    /// Queues a write; where the queue is full, once earlier ones are answered.
    async fn submit(
        &mut self,
        mutation: &Mutation,
        representations: &[Representation],
    ) -> Result<Submitted, Stop> {
        let mut waiting_since = None;
        loop {
            let committer = &self.backend.committer;
            match committer.submit(mutation.clone(), representations.to_vec()) {
                Ok(submitted) => return Ok(submitted),
                Err(WriteError::QueueFull) => {}
                Err(error) => return Err(Stop::Write(error)),
            }
            if self.settle_first().await? {
                continue;
            }
            // Others keep it full.
            let since = *waiting_since.get_or_insert_with(Instant::now);
            if since.elapsed() >= ROOM_PATIENCE {
                return Err(Stop::Write(WriteError::QueueFull));
            }
            sleep(ROOM_PAUSE).await;
        }
    }

    async fn settle_all(&mut self) -> Result<(), Stop> {
        while self.settle_first().await? {}
        Ok(())
    }

    /// Waits for the first line in flight and counts it; whether there was one. Once a line was not
    /// acknowledged, those after it are given up: they will be sent again.
    async fn settle_first(&mut self) -> Result<bool, Stop> {
        let Some(InFlight { line, fate, .. }) = self.window.pop() else {
            return Ok(false);
        };
        let settled = match fate {
            Fate::Blank => {
                self.report.blank += 1;
                Ok(())
            }
            Fate::Failed(error) => {
                self.fail(error);
                Ok(())
            }
            Fate::Submitted { id, submitted } => self.count(line, id, submitted).await,
        };
        match settled {
            Ok(()) => {
                self.report.lines_done = line;
                Ok(true)
            }
            Err(stop) => {
                self.window.clear();
                Err(stop)
            }
        }
    }

    async fn count(&mut self, line: u64, id: String, submitted: Submitted) -> Result<(), Stop> {
        let report = &mut self.report;
        match submitted.outcome().await {
            Ok(Outcome::Created(made)) => {
                report.created += 1;
                report.reach(made.slot.position);
            }
            Ok(Outcome::Updated(made)) => {
                report.updated += 1;
                report.reach(made.slot.position);
            }
            Ok(Outcome::Unchanged { position, .. }) => {
                report.unchanged += 1;
                report.reach(position);
            }
            Ok(
                Outcome::Deleted(_)
                | Outcome::NotFound
                | Outcome::PreconditionFailed
                | Outcome::Replayed(_)
                | Outcome::KeyReused,
            ) => {
                return Err(Stop::Defect);
            }
            Err(WriteError::Refused) => {
                let detail = "the database refuses the document";
                self.fail(line::failure(line, Some(id), Kind::InvalidDocument, detail));
            }
            Err(error) => return Err(Stop::Write(error)),
        }
        Ok(())
    }

    fn fail(&mut self, error: LineError) {
        self.report.failed += 1;
        if self.report.errors.len() < self.errors_max {
            self.report.errors.push(error);
        } else {
            self.report.errors_omitted += 1;
        }
    }
}

/// Divides lines into what one thread judges at once.
fn parts(group: Vec<Line>) -> Vec<Vec<Line>> {
    let mut parts: Vec<Vec<Line>> = Vec::new();
    let mut bytes = PART_BYTES;
    for line in group {
        if bytes >= PART_BYTES {
            parts.push(Vec::new());
            bytes = 0;
        }
        let (Content::Whole(octets) | Content::TooLong(octets)) = &line.content;
        bytes += octets.len();
        if let Some(part) = parts.last_mut() {
            part.push(line);
        }
    }
    parts
}
