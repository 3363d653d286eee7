//! Hydrate, follow, replay: what a reader does next, as a state machine without I/O.
//!
//! [`Replica::step`] takes one [`Input`] and the time, and pushes [`Effect`]s, which the driver
//! (`follow`) carries out in their order. The machine never waits, never reads a clock and draws
//! its jitter from a seeded generator, so that a test or a simulation can replay every run.
//!
//! Four things run side by side in it:
//! - the *subscription*, up or down (down is a gap: what was missed is asked for once it is up);
//! - one *activity* at a time: resting, hydrating, replaying or scrubbing, each numbered, so that
//!   what an abandoned one still sends is recognised and thrown away;
//! - *polls* of a writer, numbered too, while the bus does not confirm that everything is here;
//! - the *tip*: the position held with its link, which only ever advances within an epoch, and the
//!   slots ahead of it that wait for their turn.

mod deliver;
mod doubts;
mod feed;
mod fetch;
mod freshness;
mod heads;
mod hydrate;
mod io;
mod local;
mod poll;
mod readiness;
mod replay;
mod scrub;
mod slots;
mod snapshot;
mod timing;

#[cfg(test)]
mod tests;

use std::time::Duration;

use shared::{Epoch, Position};

use feed::Feed;
pub use fetch::{Found, Judged, Told};
use freshness::Freshness;
use heads::Heads;
use hydrate::Hydrating;
pub use io::{
    ComparedBucket, Counts, Effect, Input, LocalAttempt, LocalBegun, PollAttempt, ReplayAttempt,
    ScrubAttempt, ScrubbedBucket, SnapshotFailure, Source, Sources, State,
};
use local::Local;
use poll::Polling;
use readiness::Readiness;
pub use readiness::Unready;
use scrub::Scrubbing;
pub use slots::Tip;
use slots::{Advance, Slots};
pub use timing::Timing;

/// The state machine.
#[derive(Debug)]
pub struct Replica {
    /// The name under which this reader probes.
    reader: String,
    sources: Sources,
    timing: Timing,
    random: fastrand::Rng,
    feed: Feed,
    /// See [`Replica::source`].
    source: Source,
    activity: Activity,
    polling: Polling,
    scrubbing: Scrubbing,
    local: Local,
    slots: Slots,
    heads: Heads,
    freshness: Freshness,
    /// The highest epoch that anything has shown. Lower ones are ignored.
    epoch_seen: Epoch,
    next_attempt: u32,
    hydrations_failed_in_row: u32,
    /// Where the last of them read.
    hydration_failed_from: Option<Source>,
    /// The log has to be asked, whatever holes and heads say.
    replay_wanted: bool,
    replay_not_before: Duration,
    readiness: Readiness,
    tombstones_forgotten_at: Duration,
    counts: Counts,
}

#[derive(Debug)]
enum Activity {
    Resting,
    Hydrating(Hydrating),
    Replaying(ReplayAttempt),
    /// Reading a bucket; with the tip held when it was asked for.
    Scrubbing(ScrubAttempt, Tip),
}

impl Replica {
    /// A machine that holds nothing. `reader` names it in probes, `seed` seeds its jitter and its
    /// nonces. Gives the effects to begin with.
    pub fn start(
        reader: String,
        sources: Sources,
        timing: Timing,
        seed: u64,
    ) -> (Self, Vec<Effect>) {
        let mut random = fastrand::Rng::with_seed(seed);
        let first_nonce = random.u64(..);
        let first_turn = random.u32(..);
        let replica = Self {
            reader,
            sources,
            timing,
            random,
            feed: Feed::Down { failures: 0 },
            source: Source::Bus,
            activity: Activity::Resting,
            polling: Polling::default(),
            scrubbing: Scrubbing::beginning_at(first_turn),
            local: Local::default(),
            slots: Slots::default(),
            heads: Heads::new(),
            freshness: Freshness::new(first_nonce),
            epoch_seen: Epoch(0),
            next_attempt: 0,
            hydrations_failed_in_row: 0,
            hydration_failed_from: None,
            replay_wanted: false,
            replay_not_before: Duration::ZERO,
            readiness: Readiness::default(),
            tombstones_forgotten_at: Duration::ZERO,
            counts: Counts::default(),
        };
        (replica, vec![Effect::Connect(Duration::ZERO)])
    }

    /// Takes one input at `now`, the time since the machine's start on the reader's monotonic
    /// clock, and pushes what is to be done about it.
    pub fn step(&mut self, now: Duration, input: Input, effects: &mut Vec<Effect>) {
        self.take(now, input, effects);
        self.choose_source(now);
        self.replay_if_due(now, effects);
        self.poll_if_due(now, effects);
        self.scrub_if_due(now, effects);
        self.read_locally_if_due(now, effects);
        effects.extend(self.readiness.change().map(Effect::SetReady));
    }

    fn take(&mut self, now: Duration, input: Input, effects: &mut Vec<Effect>) {
        match input {
            Input::Subscribed => self.subscribed(now, effects),
            Input::Disconnected => self.disconnected(effects),
            Input::Delivery(delivery) => {
                self.heard(now);
                self.deliver(now, delivery, effects);
            }
            Input::Notice(slot) => {
                self.heard(now);
                self.notice(&slot, effects);
            }
            Input::Heartbeat(heartbeat) => {
                self.heard(now);
                self.beat(now, &heartbeat, effects);
            }
            Input::SnapshotBegin(attempt, meta) => self.snapshot_begin(attempt, meta, effects),
            Input::WriterSnapshotBegin(attempt, heartbeat) => {
                self.writer_snapshot_begin(now, attempt, &heartbeat, effects);
            }
            Input::SnapshotChunk(attempt, envelopes) => {
                self.snapshot_chunk(attempt, envelopes, effects);
            }
            Input::SnapshotEnd(attempt, meta) => self.snapshot_end(now, attempt, meta, effects),
            Input::WriterSnapshotEnd(attempt, epoch) => {
                self.writer_snapshot_end(now, attempt, epoch, effects);
            }
            Input::SnapshotFailed(attempt, failure) => {
                self.snapshot_failed(attempt, failure, effects);
            }
            Input::Replayed(attempt, page) => self.replayed(now, attempt, page, effects),
            Input::ReplayFailed(attempt) => self.replay_failed(now, attempt),
            Input::PollBegin(attempt, heartbeat) => {
                self.poll_begin(now, attempt, &heartbeat, effects);
            }
            Input::PollDeliveries(attempt, deliveries) => {
                self.poll_deliveries(now, attempt, deliveries, effects);
            }
            Input::PollEnd(attempt) => self.poll_end(now, attempt),
            Input::PollRefused(attempt, head) => self.poll_refused(attempt, head, effects),
            Input::PollFailed(attempt) => self.poll_failed(now, attempt),
            Input::Scrubbed(attempt, read) => self.scrubbed(attempt, read, effects),
            Input::ScrubFailed(attempt) => self.scrub_failed(attempt),
            Input::LocalBegin(attempt, begun) => {
                self.local_begin(attempt, begun.tip);
            }
            Input::LocalChunk(attempt, envelopes) => {
                self.local_chunk(attempt, envelopes, effects);
            }
            Input::LocalEnd(attempt) => self.local_end(now, attempt, effects),
            Input::LocalFailed(attempt) => self.local_failed(attempt),
            Input::Tick => self.tick(now, effects),
        }
    }

    /// The position held: everything at or below it is applied. `None` before the first hydration.
    pub fn position(&self) -> Option<Position> {
        self.slots.position()
    }

    /// The position held with its link.
    pub fn tip(&self) -> Option<Tip> {
        self.slots.tip()
    }

    /// The highest epoch that anything has shown; those before it have ended.
    pub fn epoch(&self) -> Epoch {
        self.epoch_seen
    }

    /// Whether the tip is of the latest epoch and nothing is being loaded: then all that is held is
    /// of that epoch, too.
    pub fn is_settled(&self) -> bool {
        let loads = matches!(self.activity, Activity::Hydrating(_));
        self.slots.tip_in(self.epoch_seen).is_some() && !loads
    }

    /// The database's head, as far as heartbeats and changes have told of it.
    pub fn head(&self) -> Option<Position> {
        let told = self.heads.latest();
        let told = told.map(|sequence| Position::new(self.epoch_seen, sequence));
        told.max(self.position())
    }

    /// The latest time of which the reader knows: everything committed before it is here. `None`
    /// while it knows of none. Staleness is the time since.
    pub fn confirmed_at(&self) -> Option<Duration> {
        self.freshness.confirmed_at()
    }

    /// What it is doing.
    pub fn state(&self) -> State {
        match (&self.activity, &self.feed) {
            (Activity::Hydrating(_), _) => State::Hydrating,
            (_, Feed::Down { .. }) => State::Connecting,
            (Activity::Replaying(_), Feed::Up { .. }) => State::Replaying,
            (Activity::Resting | Activity::Scrubbing(..), Feed::Up { .. }) => State::Following,
        }
    }

    /// Whether reads may be answered.
    pub fn is_ready(&self) -> bool {
        self.readiness.is_ready()
    }

    /// Why they may not; `None` where they may.
    pub fn unready(&self) -> Option<Unready> {
        self.readiness.unready()
    }

    /// What was counted since the start.
    pub fn counts(&self) -> Counts {
        self.counts
    }

    fn tick(&mut self, now: Duration, effects: &mut Vec<Effect>) {
        self.give_up_silence(now, effects);
        let probe_due = self
            .freshness
            .last_sent()
            .is_none_or(|at| self.timing.probe_interval <= now.saturating_sub(at));
        if probe_due {
            let nonce = self.freshness.probe(now, self.slots.position());
            effects.push(Effect::Probe(nonce));
        }
        self.forget_tombstones(now, effects);
    }

    /// Tombstones at or below the position are not needed: what comes late for it is ignored by
    /// its sequence. A running hydration or scrub still needs those above its floor, so it waits.
    fn forget_tombstones(&mut self, now: Duration, effects: &mut Vec<Effect>) {
        let due =
            self.timing.tombstone_interval <= now.saturating_sub(self.tombstones_forgotten_at);
        if let (true, Activity::Resting, Some(position)) = (due, &self.activity, self.position()) {
            self.tombstones_forgotten_at = now;
            effects.push(Effect::ForgetTombstones(position));
        }
    }

    /// Something has shown this epoch. A later one than any before asks for its snapshot.
    fn see_epoch(&mut self, epoch: Epoch, effects: &mut Vec<Effect>) {
        if epoch <= self.epoch_seen {
            return;
        }
        self.begin_epoch(epoch);
        // A hydration that has not read meta yet will judge it by the new epoch.
        if !matches!(
            self.activity,
            Activity::Hydrating(Hydrating { begun: None, .. })
        ) {
            let loads_the_ended_epoch = matches!(self.activity, Activity::Hydrating(_));
            self.activity = Activity::Resting;
            if loads_the_ended_epoch || self.position().is_some() {
                self.want_hydration(effects);
            }
        }
    }

    fn begin_epoch(&mut self, epoch: Epoch) {
        self.epoch_seen = epoch;
        self.slots.forget_ahead();
        self.heads.begin_epoch();
        self.polling.begin_epoch();
        self.scrubbing.abandon_pass();
        self.readiness.begin_epoch();
    }

    fn advance(&mut self, now: Duration, effects: &mut Vec<Effect>) {
        let advance = self.slots.advance(self.epoch_seen, now);
        self.advanced(advance, effects);
    }

    fn advanced(&mut self, advance: Advance, effects: &mut Vec<Effect>) {
        match advance {
            Advance::Stayed => {}
            Advance::Moved => self.reached(),
            Advance::Forked(two) => {
                self.reached();
                self.forked(two, effects);
            }
        }
    }

    /// Two histories bear one epoch. The snapshot is asked again; only a new epoch, which the
    /// writer begins, ends it. Where there is a writer to ask, it compares its history at once with
    /// what may be of another one.
    fn forked(&mut self, doubted: impl IntoIterator<Item = Tip>, effects: &mut Vec<Effect>) {
        self.counts.forks += 1;
        self.polling.doubt(doubted);
        self.want_hydration(effects);
    }

    /// The database stands behind this reader. A writer that is told the tip held finds out whether
    /// its history still has it, and begins an epoch if not; no snapshot of this epoch would help.
    fn gone_back(&mut self) {
        self.counts.forks += 1;
        self.polling.doubt(self.slots.tip());
    }

    /// The position may have moved: what waited for it is settled.
    fn reached(&mut self) {
        let Some(position) = self.slots.position() else {
            return;
        };
        self.freshness.reached(position);
        if position.epoch == self.epoch_seen {
            self.heads.reach(position.sequence);
        }
        self.readiness.reached(position, self.heads.first());
    }

    /// A delay between a half of `delay` and all of it.
    fn jittered(&mut self, delay: Duration) -> Duration {
        delay.mul_f64(0.5 + 0.5 * self.random.f64())
    }
}
