//! The local snapshot: read once, if nobody answers at the start; written every so often, and at
//! the end.
//!
//! Both are done on threads of their own, which nobody waits for: a disk that hangs or is full
//! harms neither following nor reads.

use std::{
    sync::{Arc, atomic::Ordering, mpsc as cancelling},
    thread,
    time::Duration,
};

use shared::{Position, Timestamp};
use tokio::{
    sync::{mpsc, oneshot},
    time::{Instant, timeout},
};
use tracing::{error, info, warn};

use super::{Driver, Slot};
use crate::{
    catalog::Catalog,
    local::{
        Cancel, Header, LocalConfig, LocalCounters, LocalError, LocalSnapshot, Pace, elapsed,
        wall_clock, write,
    },
    replica::{Input, LocalAttempt, LocalBegun},
    status::Age,
};

/// Where the local snapshot is kept, and what became of it.
#[derive(Debug, Clone)]
pub struct Keeping {
    /// Where, and how often.
    pub config: LocalConfig,
    /// What became of it.
    pub counters: Arc<LocalCounters>,
}

/// The driver's side of it.
#[derive(Debug)]
pub(super) struct Keeper {
    keeping: Option<Keeping>,
    not_before: Instant,
    writing: Slot<Option<Result<u64, LocalError>>>,
    /// Dropping it ends the writing under way.
    cancel: Option<cancelling::Sender<()>>,
    /// What is being written, or was written last.
    position: Option<Position>,
    /// How old the snapshot was that this run began with.
    age: Option<Age>,
}

impl Keeper {
    pub(super) fn new(keeping: Option<Keeping>) -> Self {
        let interval = keeping
            .as_ref()
            .map_or(Duration::ZERO, |it| it.config.interval);
        Self {
            keeping,
            not_before: Instant::now() + interval,
            writing: Slot::empty(),
            cancel: None,
            position: None,
            age: None,
        }
    }

    pub(super) fn is_kept(&self) -> bool {
        self.keeping.is_some()
    }

    pub(super) fn is_writing(&self) -> bool {
        !self.writing.is_empty()
    }

    pub(super) fn age(&self) -> Option<Age> {
        self.age
    }

    /// What the writing under way came to; never, while there is none.
    ///
    /// # Cancel safety
    /// Cancel safe.
    pub(super) async fn finished(&mut self) -> Option<Result<u64, LocalError>> {
        self.writing.finished().await
    }

    /// Documents go from the catalog otherwise than by changes: what is being written would bring
    /// them back.
    pub(super) fn abandon(&mut self) {
        self.cancel = None;
    }
}

impl Driver {
    /// Reads the file and tells the machine of it.
    pub(super) fn read_local(&mut self, attempt: LocalAttempt) {
        let Some(keeping) = self.keeper.keeping.clone() else {
            return;
        };
        let inputs = self.inputs_sender.clone();
        let reading = move || {
            let last = match read(&keeping, attempt, &inputs) {
                Ok(last) => last,
                Err(refused) => {
                    LocalCounters::count(&keeping.counters.refused);
                    error!(
                        directory = %keeping.config.directory.display(),
                        error = %telemetry::chain(&refused),
                        "the local snapshot is ignored"
                    );
                    Input::LocalFailed(attempt)
                }
            };
            tell(&inputs, last);
        };
        on_a_thread(reading);
    }

    /// A file was found whole, and is about to be applied.
    pub(super) fn found_local(&mut self, begun: &LocalBegun) {
        let at = Instant::now();
        self.keeper.age = begun.age.map(|age| Age { age, at });
        if let Some(time) = begun.database_time {
            self.following.catalog.guess_time(time);
        }
    }

    /// Begins to write, where it is time and there is something new that may be written.
    pub(super) fn keep_if_due(&mut self) {
        if !self.keeper.is_writing() && self.keeper.not_before <= Instant::now() {
            self.keep(Pace::Half);
        }
    }

    /// The writing under way has ended.
    pub(super) fn kept(&mut self, outcome: Option<Result<u64, LocalError>>) {
        let Some(keeping) = &self.keeper.keeping else {
            return;
        };
        self.keeper.not_before = Instant::now() + keeping.config.interval;
        self.keeper.cancel = None;
        match outcome {
            Some(Ok(bytes)) => {
                LocalCounters::count(&keeping.counters.written);
                keeping.counters.bytes.store(bytes, Ordering::Relaxed);
                info!(bytes, position = ?self.keeper.position, "the local snapshot is written");
            }
            Some(Err(failure)) => {
                LocalCounters::count(&keeping.counters.failed);
                self.keeper.position = None;
                warn!(
                    directory = %keeping.config.directory.display(),
                    error = %telemetry::chain(&failure),
                    "the local snapshot could not be written; the one before stays"
                );
            }
            None => self.keeper.position = None,
        }
    }

    /// Writes once more at the end, for at most `patience`.
    pub(super) async fn keep_last(&mut self, patience: Duration) {
        let ending = async {
            if self.keeper.is_writing() {
                self.keeper.abandon();
                let outcome = self.keeper.finished().await;
                self.kept(outcome);
            }
            if self.keep(Pace::Full) {
                let outcome = self.keeper.finished().await;
                self.kept(outcome);
            }
        };
        if timeout(patience, ending).await.is_err() {
            warn!("the local snapshot could not be written in time; the one before stays");
        }
    }

    /// Begins to write, if there is something new that may be written.
    fn keep(&mut self, pace: Pace) -> bool {
        let Some(keeping) = self.keeper.keeping.clone() else {
            return false;
        };
        let catalog = self.following.catalog.catalog().clone();
        let tip = self.replica.tip().filter(|tip| {
            let is_new = self.keeper.position != Some(tip.position);
            let is_whole = self.replica.is_settled() && !catalog.is_partial();
            is_new && is_whole && !self.replica.is_local()
        });
        let Some(tip) = tip else {
            return false;
        };
        let now = Instant::now();
        let taken_at = wall_clock();
        let confirmed_at = self.replica.confirmed_at().map(|at| self.started + at);
        let header = Header {
            origin: keeping.config.origin,
            tip,
            database_time: catalog.database_time(),
            taken_at,
            confirmed_at: confirmed_at.map(|at| before(taken_at, now.duration_since(at))),
        };
        let (cancel, cancelled) = cancelling::channel();
        let (done, outcome) = oneshot::channel();
        self.keeper.cancel = Some(cancel);
        self.keeper.position = Some(tip.position);
        self.keeper.writing.put(async move { outcome.await.ok() });
        on_a_thread(move || {
            // Nobody listens once the driver has ended.
            drop(done.send(write_to(&keeping, &catalog, &header, pace, &cancelled)));
        });
        true
    }
}

fn on_a_thread(work: impl FnOnce() + Send + 'static) {
    let thread = thread::Builder::new().name("snapshot".to_owned());
    if let Err(error) = thread.spawn(work) {
        // Whoever waits for its word hears that nobody will say it.
        error!(
            error = %telemetry::chain(&error),
            "no thread for the local snapshot"
        );
    }
}

fn write_to(
    keeping: &Keeping,
    catalog: &Catalog,
    header: &Header,
    pace: Pace,
    cancel: &Cancel,
) -> Result<u64, LocalError> {
    write(&keeping.config.directory, catalog, header, pace, cancel)
}

fn read(
    keeping: &Keeping,
    attempt: LocalAttempt,
    inputs: &mpsc::Sender<Input>,
) -> Result<Input, LocalError> {
    let LocalConfig {
        directory, origin, ..
    } = &keeping.config;
    let Some(mut snapshot) = LocalSnapshot::open(directory, *origin)? else {
        info!(directory = %directory.display(), "there is no local snapshot");
        return Ok(Input::LocalFailed(attempt));
    };
    let header = *snapshot.header();
    let now = wall_clock();
    let since_taken = elapsed(header.taken_at, now).unwrap_or_default();
    let begun = LocalBegun {
        tip: header.tip,
        database_time: header.database_time.map(|time| after(time, since_taken)),
        age: elapsed(header.confirmed_at.unwrap_or(header.taken_at), now),
    };
    warn!(
        position = %header.tip.position,
        documents = snapshot.documents(),
        age_s = begun.age.map(|age| age.as_secs()),
        "nobody answers: starting from the local snapshot"
    );
    tell(inputs, Input::LocalBegin(attempt, begun));
    loop {
        let chunk = snapshot.next_chunk()?;
        if chunk.is_empty() {
            return Ok(Input::LocalEnd(attempt));
        }
        tell(inputs, Input::LocalChunk(attempt, chunk));
    }
}

fn tell(inputs: &mpsc::Sender<Input>, input: Input) {
    // Only a driver that has ended no longer listens.
    drop(inputs.blocking_send(input));
}

fn after(time: Timestamp, passed: Duration) -> Timestamp {
    let micros = i64::try_from(passed.as_micros()).unwrap_or(i64::MAX);
    Timestamp(time.0.saturating_add(micros))
}

fn before(time: Timestamp, passed: Duration) -> Timestamp {
    let micros = i64::try_from(passed.as_micros()).unwrap_or(i64::MAX);
    Timestamp(time.0.saturating_sub(micros))
}
