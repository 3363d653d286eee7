//! Hydrate, follow, replay: what a reader does next, as a state machine without I/O.
//!
//! [`Replica::step`] takes one [`Input`] and the time, and pushes [`Effect`]s, which the driver
//! (`follow`) carries out in their order. The machine never waits, never reads a clock and draws
//! its jitter from a seeded generator, so that a test or a simulation can replay every run.
//!
//! Three things run side by side in it:
//! - the *subscription*, up or down (down is a gap: what was missed is asked for once it is up);
//! - one *activity* at a time: resting, hydrating or replaying, each numbered, so that what an
//!   abandoned one still sends is recognised and thrown away;
//! - the *tip*: the position held with its link, which only ever advances within an epoch, and the
//!   slots ahead of it that wait for their turn.

mod deliver;
mod freshness;
mod heads;
mod hydrate;
mod io;
mod readiness;
mod replay;
mod slots;
mod snapshot;
mod timing;

#[cfg(test)]
mod tests;

use std::time::Duration;

use bus::Meta;
use shared::{Epoch, Heartbeat, Position};

use crate::catalog::Hydration;

use freshness::Freshness;
use heads::Heads;
pub use io::{Counts, Effect, Input, ReplayAttempt, SnapshotFailure, State};
use readiness::Readiness;
use slots::{Advance, Slots};
pub use timing::Timing;

/// The state machine.
#[derive(Debug)]
pub struct Replica {
    /// The name under which this reader probes.
    reader: String,
    timing: Timing,
    random: fastrand::Rng,
    feed: Feed,
    activity: Activity,
    slots: Slots,
    heads: Heads,
    freshness: Freshness,
    /// The highest epoch that anything has shown. Lower ones are ignored.
    epoch_seen: Epoch,
    next_attempt: u32,
    hydrations_failed_in_row: u32,
    /// The log has to be asked, whatever holes and heads say.
    replay_wanted: bool,
    replay_not_before: Duration,
    readiness: Readiness,
    tombstones_forgotten_at: Duration,
    counts: Counts,
}

#[derive(Debug)]
enum Feed {
    Down { failures: u32 },
    Up { heard_at: Duration },
}

#[derive(Debug)]
enum Activity {
    Resting,
    /// Loading a snapshot; with the meta that it began from, once that is accepted.
    Hydrating(Hydration, Option<Meta>),
    Replaying(ReplayAttempt),
}

impl Replica {
    /// A machine that holds nothing. `reader` names it in probes, `seed` seeds its jitter and its
    /// nonces. Gives the effects to begin with.
    pub fn start(reader: String, timing: Timing, seed: u64) -> (Self, Vec<Effect>) {
        let mut random = fastrand::Rng::with_seed(seed);
        let first_nonce = random.u64(..);
        let replica = Self {
            reader,
            timing,
            random,
            feed: Feed::Down { failures: 0 },
            activity: Activity::Resting,
            slots: Slots::default(),
            heads: Heads::new(),
            freshness: Freshness::new(first_nonce),
            epoch_seen: Epoch(0),
            next_attempt: 0,
            hydrations_failed_in_row: 0,
            replay_wanted: false,
            replay_not_before: Duration::ZERO,
            readiness: Readiness::default(),
            tombstones_forgotten_at: Duration::ZERO,
            counts: Counts::default(),
        };
        (replica, vec![Effect::Connect(Duration::ZERO)])
    }

    /// Takes one input at `now`, the time since any fixed instant on the reader's monotonic clock,
    /// and pushes what is to be done about it.
    pub fn step(&mut self, now: Duration, input: Input, effects: &mut Vec<Effect>) {
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
            Input::SnapshotChunk(attempt, envelopes) => {
                self.snapshot_chunk(attempt, envelopes, effects);
            }
            Input::SnapshotEnd(attempt, meta) => self.snapshot_end(now, attempt, meta, effects),
            Input::SnapshotFailed(attempt, failure) => {
                self.snapshot_failed(attempt, failure, effects);
            }
            Input::Replayed(attempt, page) => self.replayed(now, attempt, page, effects),
            Input::ReplayFailed(attempt) => self.replay_failed(now, attempt),
            Input::Tick => self.tick(now, effects),
        }
        self.replay_if_due(now, effects);
        effects.extend(self.readiness.change().map(Effect::SetReady));
    }

    /// The position held: everything at or below it is applied. `None` before the first hydration.
    pub fn position(&self) -> Option<Position> {
        self.slots.position()
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
            (Activity::Hydrating(..), _) => State::Hydrating,
            (_, Feed::Down { .. }) => State::Connecting,
            (Activity::Replaying(_), Feed::Up { .. }) => State::Replaying,
            (Activity::Resting, Feed::Up { .. }) => State::Following,
        }
    }

    /// Whether reads may be answered.
    pub fn is_ready(&self) -> bool {
        self.readiness.is_ready()
    }

    /// What was counted since the start.
    pub fn counts(&self) -> Counts {
        self.counts
    }

    fn heard(&mut self, now: Duration) {
        if let Feed::Up { heard_at } = &mut self.feed {
            *heard_at = now;
        }
    }

    fn subscribed(&mut self, now: Duration, effects: &mut Vec<Effect>) {
        self.feed = Feed::Up { heard_at: now };
        if self.slots.position_in(self.epoch_seen).is_some() {
            self.replay_wanted = true;
            self.replay_not_before = now;
        } else {
            self.want_hydration(effects);
        }
    }

    fn disconnected(&mut self, effects: &mut Vec<Effect>) {
        let failures = match self.feed {
            Feed::Down { failures } => failures + 1,
            Feed::Up { .. } => {
                self.counts.gaps += 1;
                0
            }
        };
        self.feed = Feed::Down { failures };
        let delay = self.timing.retry_delay(failures);
        effects.push(Effect::Connect(self.jittered(delay)));
    }

    fn beat(&mut self, now: Duration, heartbeat: &Heartbeat, effects: &mut Vec<Effect>) {
        if heartbeat.head.epoch < self.epoch_seen {
            return;
        }
        self.see_epoch(heartbeat.head.epoch, effects);
        let deadline = now + self.timing.head_patience;
        self.heads.learn(heartbeat.head, deadline);
        let own = heartbeat
            .probes
            .iter()
            .find(|one| one.reader == self.reader);
        if let Some(probe) = own {
            self.freshness.repeated(probe.nonce, heartbeat.head);
        }
        let forked = self
            .slots
            .tip()
            .is_some_and(|tip| tip.position == heartbeat.head && tip.link != heartbeat.link);
        if forked {
            self.forked(effects);
        }
        self.reached();
    }

    fn tick(&mut self, now: Duration, effects: &mut Vec<Effect>) {
        if let Feed::Up { heard_at } = self.feed
            && self.timing.silence_max <= now.saturating_sub(heard_at)
        {
            self.counts.silences += 1;
            self.disconnected(effects);
        }
        let probe_due = self
            .freshness
            .last_sent()
            .is_none_or(|at| self.timing.probe_interval <= now.saturating_sub(at));
        if probe_due {
            effects.push(Effect::Probe(self.freshness.probe(now)));
        }
        self.forget_tombstones(now, effects);
    }

    /// Tombstones at or below the position are not needed: what comes late for it is ignored by
    /// its sequence. A running hydration still needs those above its floor, so it waits.
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
        if !matches!(self.activity, Activity::Hydrating(_, None)) {
            let loads_the_ended_epoch = matches!(self.activity, Activity::Hydrating(..));
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
        self.readiness.begin_epoch();
    }

    fn advance(&mut self, now: Duration, effects: &mut Vec<Effect>) {
        match self.slots.advance(self.epoch_seen, now) {
            Advance::Stayed => {}
            Advance::Moved => self.reached(),
            Advance::Forked => {
                self.reached();
                self.forked(effects);
            }
        }
    }

    /// Two histories bear one epoch. The snapshot is asked again; only a new epoch, which the
    /// writer begins, ends it.
    fn forked(&mut self, effects: &mut Vec<Effect>) {
        self.counts.forks += 1;
        self.want_hydration(effects);
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
