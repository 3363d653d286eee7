//! Hydration: loading a snapshot in place.

use std::time::Duration;

use bus::Meta;
use shared::Envelope;

use super::{
    Activity, Effect, Replica, SnapshotFailure,
    slots::Tip,
    snapshot::{Unusable, is_whole, usable},
};
use crate::catalog::Hydration;

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
        self.activity = Activity::Hydrating(attempt, None);
        effects.push(Effect::Hydrate(attempt, delay));
    }

    pub(super) fn snapshot_begin(
        &mut self,
        attempt: Hydration,
        meta: Option<Meta>,
        effects: &mut Vec<Effect>,
    ) {
        if !matches!(&self.activity, Activity::Hydrating(current, None) if *current == attempt) {
            return;
        }
        match usable(meta, self.epoch_seen, self.slots.tip()) {
            Ok(meta) => {
                if self.epoch_seen < meta.epoch {
                    self.begin_epoch(meta.epoch);
                }
                self.activity = Activity::Hydrating(attempt, Some(meta));
            }
            Err(Unusable::NotYet) => self.hydration_failed(effects),
            Err(Unusable::Forked) => {
                self.counts.forks += 1;
                self.hydration_failed(effects);
            }
        }
    }

    pub(super) fn snapshot_chunk(
        &mut self,
        attempt: Hydration,
        envelopes: Vec<Envelope>,
        effects: &mut Vec<Effect>,
    ) {
        let Some(meta) = self.hydrating(attempt) else {
            return;
        };
        if envelopes.iter().any(|one| one.position.epoch != meta.epoch) {
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
        if !is_whole(&begun, ended) {
            self.hydration_failed(effects);
            return;
        }
        self.activity = Activity::Resting;
        self.counts.hydrations += 1;
        self.hydrations_failed_in_row = 0;
        self.readiness.snapshot_read();
        // The floor was read before the buckets, so every change at or below it was in them.
        effects.push(Effect::DropUnseen(attempt, begun.position()));
        self.slots.lift(Tip {
            position: begun.position(),
            link: begun.tip,
        });
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
        if !matches!(&self.activity, Activity::Hydrating(current, _) if *current == attempt) {
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

    /// The meta that a hydration began from, if it is the current one.
    fn hydrating(&self, attempt: Hydration) -> Option<Meta> {
        match self.activity {
            Activity::Hydrating(current, begun) if current == attempt => begun,
            _ => None,
        }
    }

    fn hydration_failed(&mut self, effects: &mut Vec<Effect>) {
        self.counts.hydrations_failed += 1;
        self.hydrations_failed_in_row = self.hydrations_failed_in_row.saturating_add(1);
        self.activity = Activity::Resting;
        self.want_hydration(effects);
    }

    /// The next number for a hydration or a replay. Never 0: a catalog entry that no hydration
    /// has seen bears that.
    pub(super) fn number(&mut self) -> u32 {
        self.next_attempt = self.next_attempt.checked_add(1).unwrap_or(1);
        self.next_attempt
    }
}
