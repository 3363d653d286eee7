//! Drives the [`Replica`]: carries its effects out on the bus and the catalog, and tells it what
//! came of them.
//!
//! One task does all of it, on a thread apart from those that answer reads.

mod effects;
mod events;
mod fetching;
mod hydration;
mod local;
mod propagation;
mod scrub;
mod slot;
mod telling;
mod traced;
mod writer;

use std::{sync::Arc, time::Duration};

use bus::{BusError, Follower, SnapshotReader, Subscription};
use tokio::{
    sync::mpsc,
    time::{Instant, MissedTickBehavior, interval},
};
use tracing::debug;

use crate::{
    catalog::CatalogWriter,
    fetch::Asked,
    reached::Reaching,
    replica::{Effect, Input, Replica, Sources, Timing},
    status::StatusCell,
};

use events::next_event;
use fetching::Fetching;
use local::Keeper;
pub use local::Keeping;
pub(crate) use propagation::Propagation;
use slot::Slot;
#[cfg(test)]
pub(crate) use writer::{FrameBuffer, StreamError};
pub use writer::{WriterSource, WriterUrlError};

/// How often deadlines are judged and the status is brought up to date.
const TICK: Duration = Duration::from_millis(25);

/// Inputs of a hydration and a poll that may wait for the machine; both wait while it is full. Few:
/// one may be a part of a bucket, some 256 KiB, and a reader with a budget has no room for many.
const INPUTS_MAX: usize = 4;

/// What the driver needs.
#[derive(Debug)]
pub struct Following {
    /// Where changes come from.
    pub bus: Arc<dyn Follower>,
    /// What they are put into.
    pub catalog: CatalogWriter,
    /// What reads ask for that is not in the catalog.
    pub asked: Asked,
    /// Where the state is told.
    pub status: StatusCell,
    /// Where the position is told as soon as it moves.
    pub reaching: Reaching,
    /// What the bus is, in one word for the status.
    pub source: &'static str,
    /// Where changes come from while the bus confirms nothing.
    pub writer: Option<WriterSource>,
    /// This reader's name in the fleet, 1 to 64 octets.
    pub reader: String,
    /// The machine's delays.
    pub timing: Timing,
    /// Seeds the machine's jitter and nonces.
    pub seed: u64,
}

/// Keeps the catalog equal to the database, for ever.
///
/// # Cancel safety
/// Dropping the future stops it at once; the catalog keeps what it holds.
pub async fn follow(following: Following) {
    follow_until(following, None, std::future::pending(), Duration::ZERO).await;
}

/// The same until `closing`, and keeps a local snapshot, to begin with while nobody answers. At the
/// end that is written once more, for at most `patience`.
///
/// # Cancel safety
/// Dropping the future stops it at once; the catalog keeps what it holds, and the directory the
/// file that it had.
pub async fn follow_until(
    following: Following,
    keeping: Option<Keeping>,
    closing: impl Future<Output = ()>,
    patience: Duration,
) {
    let reader = following.reader.clone();
    let sources = match following.writer {
        Some(_) => Sources::BusAndWriter,
        None => Sources::Bus,
    };
    let (mut replica, mut effects) =
        Replica::start(reader, sources, following.timing, following.seed);
    let keeper = Keeper::new(keeping);
    if keeper.is_kept() {
        replica.may_begin_locally();
    }
    let (inputs_sender, inputs) = mpsc::channel(INPUTS_MAX);
    let fetching = Fetching::new(&following.asked);
    let propagation = Propagation::new(following.status.propagation().clone());
    let mut driver = Driver {
        following,
        replica,
        started: Instant::now(),
        registered_at: None,
        subscription: None,
        connecting: Slot::empty(),
        hydrating: Slot::empty(),
        hydration_asked_at: Instant::now(),
        replaying: Slot::empty(),
        polling: Slot::empty(),
        scrubbing: Slot::empty(),
        scrub_reader: None,
        repairs: 0,
        probing: Slot::empty(),
        reporting: Slot::empty(),
        registering: Slot::empty(),
        keeper,
        fetching,
        propagation,
        silences_told: 0,
        silent: false,
        inputs,
        inputs_sender,
        effects: Vec::new(),
    };
    driver.carry_out(&mut effects);
    tokio::select! {
        () = driver.run() => {}
        () = closing => {}
    }
    driver.keep_last(patience).await;
}

#[derive(Debug)]
struct Driver {
    following: Following,
    replica: Replica,
    started: Instant,
    registered_at: Option<Instant>,
    subscription: Option<Subscription>,
    connecting: Slot<Result<Subscription, BusError>>,
    hydrating: Slot<()>,
    /// When the latest hydration was asked for.
    hydration_asked_at: Instant,
    replaying: Slot<Input>,
    polling: Slot<()>,
    scrubbing: Slot<scrub::Outcome>,
    /// The connection that scrubs read over, kept from one to the next.
    scrub_reader: Option<Box<dyn SnapshotReader>>,
    /// Entries that scrubs have changed.
    repairs: u64,
    /// How long it takes to leave a probe.
    probing: Slot<Result<Duration, BusError>>,
    reporting: Slot<Result<(), BusError>>,
    registering: Slot<Result<(), BusError>>,
    keeper: Keeper,
    fetching: Fetching,
    propagation: Propagation,
    /// Silences of the feed when it was last subscribed to.
    silences_told: u64,
    /// Whether the log has told of a silence, and no heartbeat has come since.
    silent: bool,
    /// What hydration and poll tell.
    inputs: mpsc::Receiver<Input>,
    inputs_sender: mpsc::Sender<Input>,
    /// Empty between two inputs; kept for its room.
    effects: Vec<Effect>,
}

impl Driver {
    async fn run(&mut self) {
        let mut ticks = interval(TICK);
        ticks.set_missed_tick_behavior(MissedTickBehavior::Delay);
        loop {
            tokio::select! {
                event = next_event(&mut self.subscription) => self.take_events(event),
                made = self.connecting.finished() => self.take_subscription(made),
                Some(input) = self.inputs.recv() => self.step(input),
                input = self.replaying.finished() => self.step(input),
                () = self.hydrating.finished() => {}
                () = self.polling.finished() => {}
                outcome = self.scrubbing.finished() => {
                    self.scrub_reader = outcome.reader;
                    self.step(outcome.input);
                }
                told = self.probing.finished() => {
                    note_failure(told.map(|took| self.propagation.probed(took)));
                }
                told = self.reporting.finished() => note_failure(told),
                told = self.registering.finished() => note_failure(told),
                outcome = self.keeper.finished() => self.kept(outcome),
                next = self.fetching.next(&mut self.following.asked.asks) => self.fetch_next(next),
                _ = ticks.tick() => {
                    self.step(Input::Tick);
                    self.tell();
                    self.keep_if_due();
                }
            }
        }
    }

    fn step(&mut self, input: Input) {
        self.take(self.started.elapsed(), input);
        self.following.reaching.tell(self.replica.position());
    }

    /// As [`Self::step`], without telling of the position.
    fn take(&mut self, now: Duration, input: Input) {
        if let Input::Heartbeat(beat)
        | Input::PollBegin(_, beat)
        | Input::WriterSnapshotBegin(_, beat) = &input
        {
            self.following.catalog.hear_time(beat.database_time);
        }
        if let Input::Heartbeat(_) = &input {
            self.silent = false;
        }
        if let Input::LocalBegin(_, begun) = &input {
            self.found_local(begun);
        }
        let mut effects = std::mem::take(&mut self.effects);
        let epoch = self.replica.epoch();
        self.replica.step(now, input, &mut effects);
        if epoch < self.replica.epoch() {
            self.following.reaching.begin_epoch(self.replica.epoch());
        }
        self.carry_out(&mut effects);
        self.effects = effects;
        if let Some(line) = self.replica.evictable() {
            self.following.catalog.settle(line);
        }
    }
}

fn note_failure(told: Result<(), BusError>) {
    if let Err(error) = told {
        debug!(
            error = %telemetry::chain(&error),
            "could not tell the bus"
        );
    }
}
