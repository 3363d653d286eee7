//! Scrub: bucket by bucket the bus is read again, so that nothing wrong stays for ever, whatever
//! its cause.
//!
//! A *pass* is one turn of every bucket of one build. Each bucket is applied as in hydration, and
//! its keys are marked with the pass's number; of what the catalog has already nothing but the key is
//! kept until then. Only at the end of the pass are entries dropped that
//! no bucket had: finding those of one bucket would walk through the whole set each time.
//!
//! No tombstone is forgotten between the reading of a bucket and its application, and the bucket
//! must have been read at or above the position held when it was asked for: so a document whose
//! tombstone is forgotten already does not come back.

use std::time::Duration;

use bus::{Build, Meta};
use shared::{Envelope, Position};

use super::{
    Activity, ComparedBucket, Effect, Feed, Replica, ScrubAttempt, ScrubbedBucket, Source,
    slots::Tip,
    snapshot::{Unusable, is_whole, usable},
};
use crate::catalog::Hydration;

#[derive(Debug)]
pub(super) struct Scrubbing {
    not_before: Duration,
    /// The bucket whose turn it is, modulo their number.
    turn: u32,
    pass: Option<Pass>,
}

#[derive(Debug)]
struct Pass {
    mark: Hydration,
    build: Build,
    /// Everything at or below it was in the buckets. None once something could not be read:
    /// then nothing is dropped.
    floor: Option<Position>,
    /// Buckets still to be read.
    left: u32,
}

impl Scrubbing {
    /// Readers of one fleet begin at different buckets.
    pub(super) fn beginning_at(turn: u32) -> Self {
        Self {
            not_before: Duration::ZERO,
            turn,
            pass: None,
        }
    }

    /// What the keys bear that the pass under way has seen.
    pub(super) fn mark(&self) -> Option<Hydration> {
        self.pass.as_ref().map(|pass| pass.mark)
    }

    pub(super) fn abandon_pass(&mut self) {
        self.pass = None;
    }
}

impl Replica {
    /// Scrubs a bucket, while there is nothing else to do and the bus works.
    pub(super) fn scrub_if_due(&mut self, now: Duration, effects: &mut Vec<Effect>) {
        let resting = matches!(self.activity, Activity::Resting) && !self.replay_wanted;
        let connected = matches!(self.feed, Feed::Up { .. });
        let confirmed_at = self.freshness.confirmed_by(Source::Bus);
        let works =
            confirmed_at.is_some_and(|at| now.saturating_sub(at) < self.timing.bus_patience);
        let due = self.scrubbing.not_before <= now;
        if !resting || !connected || !works || !due {
            return;
        }
        if let (Some(tip), None) = (self.slots.tip_in(self.epoch_seen), self.slots.hole_since()) {
            let attempt = ScrubAttempt(self.number());
            self.activity = Activity::Scrubbing(attempt, tip);
            self.scrubbing.not_before = now + self.timing.scrub_interval;
            effects.push(Effect::Scrub(attempt, self.scrubbing.turn));
        }
    }

    pub(super) fn scrubbed(
        &mut self,
        attempt: ScrubAttempt,
        read: ScrubbedBucket,
        effects: &mut Vec<Effect>,
    ) {
        let Some(tip) = self.end_scrub(attempt) else {
            return;
        };
        if self.epoch_seen < read.begun.epoch {
            self.see_epoch(read.begun.epoch, effects);
            return;
        }
        match usable(Some(read.begun), self.epoch_seen, Some(tip)) {
            Ok(_) if is_whole(&read.begun, read.ended) => {}
            Err(Unusable::Forked) => return self.forked([tip], effects),
            Ok(_) | Err(Unusable::NotYet) => return,
        }
        match read.bucket {
            None => {
                self.scrubbing.abandon_pass();
                effects.push(Effect::ReportLost(read.begun.build, read.index));
            }
            Some(bucket) => self.apply_bucket(tip.position, &read.begun, bucket, effects),
        }
    }

    pub(super) fn scrub_failed(&mut self, attempt: ScrubAttempt) {
        // The same bucket has its turn again.
        self.end_scrub(attempt);
    }

    /// Rests again. The tip held when the scrub was asked for, if it is the current one.
    fn end_scrub(&mut self, attempt: ScrubAttempt) -> Option<Tip> {
        match self.activity {
            Activity::Scrubbing(current, tip) if current == attempt => {
                self.activity = Activity::Resting;
                Some(tip)
            }
            _ => None,
        }
    }

    fn apply_bucket(
        &mut self,
        held: Position,
        begun: &Meta,
        bucket: ComparedBucket,
        effects: &mut Vec<Effect>,
    ) {
        let going_on = self.scrubbing.pass.take();
        let mut pass = match going_on.filter(|pass| pass.build == begun.build) {
            Some(pass) => pass,
            None => Pass {
                mark: Hydration(self.number()),
                build: begun.build,
                floor: Some(begun.position()),
                left: begun.buckets,
            },
        };
        let of_epoch = |one: &Envelope| one.position.epoch == begun.epoch;
        if bucket.undecodable > 0 || !bucket.envelopes.iter().all(of_epoch) {
            pass.floor = None;
        }
        effects.push(Effect::Mark(bucket.alike, pass.mark));
        let envelopes = bucket.envelopes.into_iter().filter(of_epoch);
        effects.extend(envelopes.map(|one| Effect::Repair(one, pass.mark, held)));
        pass.left = pass.left.saturating_sub(1);
        self.counts.scrubs += 1;
        self.scrubbing.turn = self.scrubbing.turn.wrapping_add(1);
        if pass.left > 0 {
            self.scrubbing.pass = Some(pass);
        } else if let Some(floor) = pass.floor {
            effects.push(Effect::DropUnscrubbed(pass.mark, floor));
        }
    }
}
