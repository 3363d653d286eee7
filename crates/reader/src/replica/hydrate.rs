//! Hydration: loading a snapshot in place.

use std::time::Duration;

use bus::Meta;
use shared::{Envelope, Epoch, Heartbeat};

use super::{
    Activity, Effect, Feed, Replica, SnapshotFailure, Source,
    slots::Tip,
    snapshot::{Unusable, continues, is_whole, tip_of, usable},
};
use crate::catalog::Hydration;

/// A hydration under way.
#[derive(Debug, Clone, Copy)]
pub(super) struct Hydrating {
    pub(super) attempt: Hydration,
    pub(super) from: Source,
    /// From what it began, once that is accepted.
    pub(super) begun: Option<Begun>,
}

#[derive(Debug, Clone, Copy)]
pub(super) struct Begun {
    /// Everything at or below it is in what is read after it.
    pub(super) floor: Tip,
    /// What the bus said of its snapshot; none where a writer sends it.
    meta: Option<Meta>,
}

impl Replica {
    /// Begins a hydration, unless one is under way. The very first begins at once; later ones at a
    /// random time, later still after failures.
    pub(super) fn want_hydration(&mut self, effects: &mut Vec<Effect>) {
        if matches!(self.activity, Activity::Hydrating(..)) {
            return;
        }
        let first = self.slots.position().is_none();
        let spread = if first {
            Duration::ZERO
        } else {
            self.timing.hydrate_jitter.mul_f64(self.random.f64())
        };
        let delay = self.timing.retry_delay(self.hydrations_failed_in_row);
        let delay = self.jittered(delay) + spread;
        let attempt = Hydration(self.number());
        let from = self.snapshot_source();
        self.activity = Activity::Hydrating(Hydrating {
            attempt,
            from,
            begun: None,
        });
        // A hydration marks entries as well: those of a pass would be lost.
        self.scrubbing.abandon_pass();
        effects.push(Effect::Hydrate(attempt, from, delay));
    }

    /// The source that confirms is the one to hydrate from. Where that is a writer though the bus
    /// answers, both are tried in turn: the writer may be away, the bus incomplete.
    fn snapshot_source(&self) -> Source {
        let connected = matches!(self.feed, Feed::Up { .. });
        match self.source {
            Source::Writer if connected && self.hydration_failed_from == Some(Source::Writer) => {
                Source::Bus
            }
            source => source,
        }
    }

    pub(super) fn snapshot_begin(
        &mut self,
        attempt: Hydration,
        meta: Option<Meta>,
        effects: &mut Vec<Effect>,
    ) {
        if !self.is_beginning(attempt) {
            return;
        }
        match usable(meta, self.epoch_seen, self.slots.tip()) {
            Ok(meta) => self.accept_snapshot(tip_of(&meta), Some(meta)),
            Err(unusable) => self.snapshot_refused(unusable, effects),
        }
    }

    pub(super) fn writer_snapshot_begin(
        &mut self,
        now: Duration,
        attempt: Hydration,
        heartbeat: &Heartbeat,
        effects: &mut Vec<Effect>,
    ) {
        if !self.is_beginning(attempt) {
            return;
        }
        let floor = Tip {
            position: heartbeat.head,
            link: heartbeat.link,
        };
        match continues(floor, self.epoch_seen, self.slots.tip()) {
            Ok(()) => {
                self.accept_snapshot(floor, None);
                let deadline = now + self.timing.head_patience;
                self.heads.learn(heartbeat.head, deadline);
                self.heads.read_since_start(heartbeat.head);
            }
            Err(unusable) => self.snapshot_refused(unusable, effects),
        }
    }

    pub(super) fn snapshot_chunk(
        &mut self,
        attempt: Hydration,
        envelopes: Vec<Envelope>,
        effects: &mut Vec<Effect>,
    ) {
        let Some(Begun { floor, .. }) = self.hydrating(attempt) else {
            return;
        };
        let epoch = floor.position.epoch;
        if envelopes.iter().any(|one| one.position.epoch != epoch) {
            self.snapshot_failed(attempt, SnapshotFailure::Undecodable, effects);
            return;
        }
        let apply = |envelope| Effect::Apply(envelope, Some(attempt));
        effects.extend(envelopes.into_iter().map(apply));
    }

    pub(super) fn snapshot_end(
        &mut self,
        now: Duration,
        attempt: Hydration,
        ended: Option<Meta>,
        effects: &mut Vec<Effect>,
    ) {
        let Some(begun) = self.hydrating(attempt) else {
            return;
        };
        if begun.meta.is_some_and(|meta| is_whole(&meta, ended)) {
            self.hydrated(now, attempt, begun.floor, effects);
        } else {
            self.hydration_failed(effects);
        }
    }

    pub(super) fn writer_snapshot_end(
        &mut self,
        now: Duration,
        attempt: Hydration,
        epoch: Epoch,
        effects: &mut Vec<Effect>,
    ) {
        let Some(begun) = self.hydrating(attempt) else {
            return;
        };
        if begun.floor.position.epoch == epoch {
            self.hydrated(now, attempt, begun.floor, effects);
        } else {
            self.hydration_failed(effects);
        }
    }

    /// The floor was read before anything else, so every change at or below it was in what
    /// followed.
    fn hydrated(
        &mut self,
        now: Duration,
        attempt: Hydration,
        floor: Tip,
        effects: &mut Vec<Effect>,
    ) {
        self.activity = Activity::Resting;
        self.counts.hydrations += 1;
        self.hydrations_failed_in_row = 0;
        self.hydration_failed_from = None;
        self.readiness.snapshot_read();
        self.need_no_local();
        effects.push(Effect::DropUnseen(attempt, floor.position));
        self.polling.doubt(self.slots.lift(floor));
        self.reached();
        self.advance(now, effects);
        self.replay_wanted = true;
    }

    pub(super) fn snapshot_failed(
        &mut self,
        attempt: Hydration,
        failure: SnapshotFailure,
        effects: &mut Vec<Effect>,
    ) {
        if !self
            .current_hydration()
            .is_some_and(|one| one.attempt == attempt)
        {
            return;
        }
        match failure {
            SnapshotFailure::Unavailable => {}
            SnapshotFailure::BucketLost(build, bucket) => {
                effects.push(Effect::ReportLost(build, bucket));
            }
            SnapshotFailure::Undecodable => self.readiness.snapshot_unreadable(),
        }
        self.hydration_failed(effects);
    }

    fn current_hydration(&self) -> Option<Hydrating> {
        match self.activity {
            Activity::Hydrating(current) => Some(current),
            _ => None,
        }
    }

    /// Whether it is the current hydration, and has begun from nothing yet.
    fn is_beginning(&self, attempt: Hydration) -> bool {
        self.current_hydration()
            .is_some_and(|one| one.attempt == attempt && one.begun.is_none())
    }

    /// What a hydration began from, if it is the current one.
    fn hydrating(&self, attempt: Hydration) -> Option<Begun> {
        let current = self.current_hydration()?;
        current.begun.filter(|_| current.attempt == attempt)
    }

    fn accept_snapshot(&mut self, floor: Tip, meta: Option<Meta>) {
        if self.epoch_seen < floor.position.epoch {
            self.begin_epoch(floor.position.epoch);
        }
        self.put_local_off();
        if let Activity::Hydrating(current) = &mut self.activity {
            current.begun = Some(Begun { floor, meta });
        }
    }

    fn snapshot_refused(&mut self, unusable: Unusable, effects: &mut Vec<Effect>) {
        if unusable == Unusable::Forked {
            self.counts.forks += 1;
            self.polling.doubt(self.slots.tip());
        }
        self.hydration_failed(effects);
    }

    fn hydration_failed(&mut self, effects: &mut Vec<Effect>) {
        self.counts.hydrations_failed += 1;
        self.hydrations_failed_in_row = self.hydrations_failed_in_row.saturating_add(1);
        self.hydration_failed_from = self.current_hydration().map(|one| one.from);
        self.activity = Activity::Resting;
        self.want_hydration(effects);
    }

    /// The next number for a hydration, a replay, a poll or a scrub. Never 0: a catalog entry that no hydration
    /// has seen bears that.
    pub(super) fn number(&mut self) -> u32 {
        self.next_attempt = self.next_attempt.checked_add(1).unwrap_or(1);
        self.next_attempt
    }
}
