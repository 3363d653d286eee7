//! Replay: fetching missed changes from the log.

use std::time::Duration;

use bus::Replay;

use super::{Activity, Effect, Feed, ReplayAttempt, Replica};

impl Replica {
    /// Asks the log where something is known to be missing for too long, or was asked for.
    pub(super) fn replay_if_due(&mut self, now: Duration, effects: &mut Vec<Effect>) {
        // What is missing is more urgent than a scrub, which is then read again later.
        let idle = matches!(self.activity, Activity::Resting | Activity::Scrubbing(..));
        let connected = matches!(self.feed, Feed::Up { .. });
        if !idle || !connected || now < self.replay_not_before {
            return;
        }
        let Some(after) = self.slots.position_in(self.epoch_seen) else {
            return;
        };
        let hole_is_old = self
            .slots
            .hole_since()
            .is_some_and(|since| self.timing.hole_patience <= now.saturating_sub(since));
        if self.replay_wanted || hole_is_old || self.heads.is_overdue(now) {
            let attempt = ReplayAttempt(self.number());
            self.replay_wanted = false;
            self.activity = Activity::Replaying(attempt);
            effects.push(Effect::Replay(attempt, after));
        }
    }

    pub(super) fn replayed(
        &mut self,
        now: Duration,
        attempt: ReplayAttempt,
        page: Replay,
        effects: &mut Vec<Effect>,
    ) {
        if !self.is_replaying(attempt) {
            return;
        }
        self.activity = Activity::Resting;
        self.counts.replays += 1;
        let before = self.position();
        let answered = !page.deliveries.is_empty();
        for delivery in page.deliveries {
            self.deliver(now, delivery, effects);
        }
        if before < self.position() {
            self.replay_wanted |= page.more;
            return;
        }
        self.replay_not_before = now + self.timing.replay_pause;
        let Some(meta) = page.meta else {
            return;
        };
        if self.epoch_seen < meta.epoch {
            self.see_epoch(meta.epoch, effects);
        } else if !answered && meta.epoch == self.epoch_seen && before < Some(meta.position()) {
            // The log has no entry for a slot that is published: only the snapshot has it.
            self.want_hydration(effects);
        }
    }

    pub(super) fn replay_failed(&mut self, now: Duration, attempt: ReplayAttempt) {
        if self.is_replaying(attempt) {
            self.activity = Activity::Resting;
            self.replay_wanted = true;
            self.replay_not_before = now + self.timing.replay_pause;
        }
    }

    fn is_replaying(&self, attempt: ReplayAttempt) -> bool {
        matches!(self.activity, Activity::Replaying(current) if current == attempt)
    }
}
