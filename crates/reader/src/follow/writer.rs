//! The second source: writers' internal planes, over HTTP.

mod ask;
mod frames;

use std::{
    fmt,
    sync::{
        Arc,
        atomic::{AtomicUsize, Ordering},
    },
};

use http::{HeaderName, StatusCode};
use service::{config::RedactedUrl, target::path_of};
use shared::{
    Delivery, Envelope, FeedMessage, Heartbeat, Position, ResourceKey,
    codec::{self, DecodeError},
};
use tokio::sync::mpsc;
use tracing::{debug, warn};

use ask::{Answer, ask};
#[cfg(test)]
pub(crate) use frames::FrameBuffer;
use frames::Frames;
pub(crate) use frames::StreamError;

use crate::{
    catalog::Hydration,
    replica::{Found, Input, PollAttempt, SnapshotFailure, Tip},
};

/// Where the database stood: `<epoch>.<sequence>`, on every answer of the internal plane.
const POSITION: HeaderName = HeaderName::from_static("pressrun-position");

/// Writers of one database, asked in turn: the one that answered last first. Clones share which
/// one that is.
#[derive(Clone)]
pub struct WriterSource(Arc<Inner>);

struct Inner {
    client: reqwest::Client,
    /// Never empty.
    writers: Vec<RedactedUrl>,
    /// The index of the one to ask first, modulo their number.
    first: AtomicUsize,
}

/// No writers can be asked under these URLs.
#[derive(Debug, thiserror::Error)]
pub enum WriterUrlError {
    /// There are none.
    #[error("no URL of a writer is given")]
    None,
    /// The client cannot be made.
    #[error("the client of writers cannot be made")]
    Client(#[source] reqwest::Error),
}

impl WriterSource {
    /// The writers whose internal planes are at these URLs, e.g. `http://127.0.0.1:9180`.
    /// Connects to none of them yet.
    ///
    /// # Errors
    /// There are no URLs, or the system lacks what a client needs.
    pub fn new(writers: Vec<RedactedUrl>) -> Result<Self, WriterUrlError> {
        if writers.is_empty() {
            return Err(WriterUrlError::None);
        }
        let client = ask::client().map_err(WriterUrlError::Client)?;
        Ok(Self(Arc::new(Inner {
            client,
            writers,
            first: AtomicUsize::new(0),
        })))
    }

    /// Asks for the changes after `after` and tells of them as they come.
    pub(super) async fn poll(
        &self,
        attempt: PollAttempt,
        after: Tip,
        inputs: &mpsc::Sender<Input>,
    ) {
        let Tip { position, link } = after;
        let target = format!("/internal/feed?after={position}&link={:016x}", link.0);
        let last = match self.ask(&target).await {
            Ok(Answer::Stream(frames)) => match read_page(frames, attempt, inputs).await {
                Ok(()) => Input::PollEnd(attempt),
                Err(error) => {
                    self.turn_away();
                    debug!(error = %telemetry::chain(&error), "a poll was cut");
                    Input::PollFailed(attempt)
                }
            },
            Ok(Answer::Refused(head)) => Input::PollRefused(attempt, head),
            Err(error) => {
                debug!(
                    error = %telemetry::chain(&error),
                    "no writer answers a poll"
                );
                Input::PollFailed(attempt)
            }
        };
        tell(inputs, last).await;
    }

    /// Asks for every document and tells of them as they come.
    pub(super) async fn hydrate(&self, attempt: Hydration, inputs: &mpsc::Sender<Input>) {
        let read = match self.ask("/internal/snapshot").await {
            Ok(Answer::Stream(frames)) => read_snapshot(frames, attempt, inputs).await,
            Ok(Answer::Refused(_)) => Err(StreamError::Status(StatusCode::CONFLICT)),
            Err(error) => Err(error),
        };
        let last = match read {
            Ok(end) => end,
            Err(error) => {
                self.turn_away();
                warn!(
                    error = %telemetry::chain(&error),
                    "hydration from a writer failed"
                );
                let failure = match error {
                    // Made by a newer release. Anything else is damage, which may pass.
                    StreamError::Item(DecodeError::Format(_)) => SnapshotFailure::Undecodable,
                    _ => SnapshotFailure::Unavailable,
                };
                Input::SnapshotFailed(attempt, failure)
            }
        };
        tell(inputs, last).await;
    }

    /// Asks for one document, from the writer whose turn it is: what it says is believed where its
    /// history goes on from `after`.
    pub(super) async fn find(&self, key: &ResourceKey, after: Tip) -> Result<Found, StreamError> {
        let Tip { position, link } = after;
        let target = format!(
            "/internal{}?after={position}&link={:016x}",
            path_of(key),
            link.0
        );
        match self.ask(&target).await? {
            Answer::Stream(frames) => read_document(frames, key).await,
            Answer::Refused(_) => Err(StreamError::Status(StatusCode::CONFLICT)),
        }
    }

    /// The answer of the first writer that gives one; else why the last one gave none.
    async fn ask(&self, target: &str) -> Result<Answer, StreamError> {
        let Inner {
            client, writers, ..
        } = &*self.0;
        let mut failed = StreamError::Cut;
        for _ in 0..writers.len() {
            let index = self.0.first.load(Ordering::Relaxed) % writers.len();
            match ask(client, &writers[index], target).await {
                Ok(answer) => return Ok(answer),
                Err(error) => {
                    debug!(
                        writer = %writers[index],
                        error = %telemetry::chain(&error),
                        "a writer does not answer"
                    );
                    failed = error;
                    self.turn_away();
                }
            }
        }
        Err(failed)
    }

    /// The next writer is to be asked first.
    fn turn_away(&self) {
        self.0.first.fetch_add(1, Ordering::Relaxed);
    }
}

impl fmt::Debug for WriterSource {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("WriterSource")
            .field(&self.0.writers)
            .finish()
    }
}

async fn read_page(
    mut frames: Frames,
    attempt: PollAttempt,
    inputs: &mpsc::Sender<Input>,
) -> Result<(), StreamError> {
    let heartbeat = read_heartbeat(&mut frames).await?;
    tell(inputs, Input::PollBegin(attempt, heartbeat)).await;
    loop {
        let group = frames.next_group(delivery).await?;
        tell(inputs, Input::PollDeliveries(attempt, group.items)).await;
        if group.trailer.is_some() {
            return Ok(());
        }
    }
}

async fn read_snapshot(
    mut frames: Frames,
    attempt: Hydration,
    inputs: &mpsc::Sender<Input>,
) -> Result<Input, StreamError> {
    let heartbeat = read_heartbeat(&mut frames).await?;
    tell(inputs, Input::WriterSnapshotBegin(attempt, heartbeat)).await;
    loop {
        let group = frames.next_group(envelope).await?;
        tell(inputs, Input::SnapshotChunk(attempt, group.items)).await;
        if let Some(trailer) = group.trailer {
            return Ok(Input::WriterSnapshotEnd(attempt, trailer.epoch));
        }
    }
}

async fn read_document(mut frames: Frames, key: &ResourceKey) -> Result<Found, StreamError> {
    let head = read_heartbeat(&mut frames).await?.head;
    let mut found = None;
    loop {
        let group = frames.next_group(envelope).await?;
        for item in group.items {
            if item.key != *key || found.replace(item).is_some() {
                return Err(StreamError::Item(DecodeError::Invalid("document")));
            }
        }
        if group.trailer.is_some() {
            let envelope = found;
            return Ok(Found { head, envelope });
        }
    }
}

async fn read_heartbeat(frames: &mut Frames) -> Result<Heartbeat, StreamError> {
    match codec::decode_message(&frames.next().await?) {
        Ok(FeedMessage::Heartbeat(heartbeat)) => Ok(heartbeat),
        Ok(_) => Err(StreamError::Item(DecodeError::Invalid("first frame"))),
        Err(error) => Err(StreamError::Item(error)),
    }
}

fn delivery(frame: &bytes::Bytes) -> Result<Delivery, DecodeError> {
    match codec::decode_message(frame)? {
        FeedMessage::Delivery(delivery) => Ok(delivery),
        _ => Err(DecodeError::Invalid("kind of message")),
    }
}

fn envelope(frame: &bytes::Bytes) -> Result<Envelope, DecodeError> {
    codec::decode(frame)
}

/// The head that a refusal names.
fn head_of(headers: &http::HeaderMap) -> Option<Position> {
    headers.get(POSITION)?.to_str().ok()?.parse().ok()
}

async fn tell(inputs: &mpsc::Sender<Input>, input: Input) {
    // Only a driver that has ended no longer listens.
    drop(inputs.send(input).await);
}
