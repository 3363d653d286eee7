//! The local snapshot: what to begin with while nobody answers.
//!
//! It is read only where nothing is held and no source has given a snapshot for a while. Its
//! position is held from then on like any other: what comes later replaces it by the same rules,
//! and the next hydration drops what is in it and no more in the bus. It proves nothing about how
//! fresh it is.
//!
//! It has no tombstones, so it must not be mixed with what is behind it: documents that were deleted
//! in between would stay. Its end drops whatever is at or below its tip and not in it, left by failed
//! hydrations or brought late by the feed; and a hydration that has begun ends it; should that fail,
//! it is read again.

use std::time::Duration;

use shared::Envelope;

use super::{Activity, Effect, Feed, LocalAttempt, Replica, hydrate::Hydrating, slots::Tip};
use crate::catalog::Hydration;

#[derive(Debug, Default)]
pub(super) enum Local {
    /// There is none, or it was tried.
    #[default]
    Nothing,
    /// There may be one.
    Untried,
    Reading(LocalAttempt),
    /// Of these envelopes everything up to the tip, once all have come. They bear the mark.
    Begun(LocalAttempt, Tip, Hydration),
    /// It was read, and what is held began with it.
    Taken,
}

impl Replica {
    /// There may be a local snapshot to begin with.
    pub fn may_begin_locally(&mut self) {
        self.local = Local::Untried;
    }

    /// Whether what is held began with a local snapshot, and nobody has said yet how fresh that is:
    /// it is as old as the snapshot at most, even where a bus that lags has replaced it.
    pub fn is_local(&self) -> bool {
        matches!(self.local, Local::Taken) && self.confirmed_at().is_none()
    }

    /// Reads the local snapshot, once, where neither the bus nor a writer has given any.
    pub(super) fn read_locally_if_due(&mut self, now: Duration, effects: &mut Vec<Effect>) {
        let is_read = |activity: &Activity| {
            let begun = |one: &Hydrating| one.begun.is_some();
            matches!(activity, Activity::Hydrating(current) if begun(current))
        };
        let is_alone = matches!(self.feed, Feed::Down { .. }) || 0 < self.hydrations_failed_in_row;
        let is_due = matches!(self.local, Local::Untried)
            && self.slots.position().is_none()
            && self.timing.local_patience <= now
            && is_alone
            && !is_read(&self.activity);
        if is_due {
            let attempt = LocalAttempt(self.number());
            self.local = Local::Reading(attempt);
            effects.push(Effect::ReadLocal(attempt));
        }
    }

    pub(super) fn local_begin(&mut self, attempt: LocalAttempt, tip: Tip) {
        let is_current = matches!(self.local, Local::Reading(current) if current == attempt);
        if !is_current {
            return;
        }
        if tip.position.epoch < self.epoch_seen {
            self.local = Local::Nothing;
            return;
        }
        if self.epoch_seen < tip.position.epoch {
            self.begin_epoch(tip.position.epoch);
        }
        self.local = Local::Begun(attempt, tip, Hydration(self.number()));
    }

    pub(super) fn local_chunk(
        &mut self,
        attempt: LocalAttempt,
        envelopes: Vec<Envelope>,
        effects: &mut Vec<Effect>,
    ) {
        if let Some((_, mark)) = self.local_of(attempt) {
            let apply = |envelope| Effect::Apply(envelope, Some(mark));
            effects.extend(envelopes.into_iter().map(apply));
        }
    }

    pub(super) fn local_end(
        &mut self,
        now: Duration,
        attempt: LocalAttempt,
        effects: &mut Vec<Effect>,
    ) {
        let Some((tip, mark)) = self.local_of(attempt) else {
            return;
        };
        if tip.position.epoch < self.epoch_seen {
            // What was applied of it goes with the hydration that this epoch has asked for.
            self.local = Local::Nothing;
            return;
        }
        self.local = Local::Taken;
        effects.push(Effect::DropLeft(mark, tip.position));
        self.readiness.begun_locally();
        self.polling.doubt(self.slots.lift(tip));
        self.reached();
        self.advance(now, effects);
        self.replay_wanted = true;
    }

    pub(super) fn local_failed(&mut self, attempt: LocalAttempt) {
        let of = |current: LocalAttempt| current == attempt;
        if matches!(self.local, Local::Reading(current) | Local::Begun(current, ..) if of(current))
        {
            self.local = Local::Nothing;
        }
    }

    /// A snapshot of a source begins to come: the local one waits for how that ends.
    pub(super) fn put_local_off(&mut self) {
        if matches!(self.local, Local::Reading(_) | Local::Begun(..)) {
            self.local = Local::Untried;
        }
    }

    /// A snapshot of a source is whole: the local one is not needed.
    pub(super) fn need_no_local(&mut self) {
        if !matches!(self.local, Local::Taken) {
            self.local = Local::Nothing;
        }
    }

    fn local_of(&self, attempt: LocalAttempt) -> Option<(Tip, Hydration)> {
        match self.local {
            Local::Begun(current, tip, mark) if current == attempt => Some((tip, mark)),
            _ => None,
        }
    }
}
