//! The second source: a writer's internal plane, asked while the bus confirms nothing.
//!
//! Changes that it answers with are applied as replayed ones are. That it is asked depends only on
//! what the bus has confirmed last, so that there is nothing to switch over and back.

use std::time::Duration;

use shared::{Delivery, Heartbeat, Position};

use super::{
    Activity, Effect, Feed, PollAttempt, Replica, Source, Sources, doubts::Doubts,
    hydrate::Hydrating, slots::Tip,
};

#[derive(Debug, Default)]
pub(super) struct Polling {
    running: Option<Poll>,
    not_before: Duration,
    failures_in_row: u32,
    doubts: Doubts,
}

#[derive(Debug, Clone, Copy)]
struct Poll {
    attempt: PollAttempt,
    sent_at: Duration,
    /// After what: the tip held then, or what was in doubt.
    after: Tip,
    /// Where the database stood after that.
    head: Option<Position>,
}

impl Polling {
    /// Links did not match: a writer is asked whether its history has these.
    pub(super) fn doubt(&mut self, tips: impl IntoIterator<Item = Tip>) {
        self.doubts.add(tips);
    }

    /// What was in doubt was of an epoch that has ended.
    pub(super) fn begin_epoch(&mut self) {
        self.doubts.clear();
    }

    /// A poll was answered, in one way or the other.
    fn answered(&mut self, poll: Poll) {
        self.running = None;
        self.failures_in_row = 0;
        self.doubts.settle(poll.after);
    }
}

impl Replica {
    /// Where changes come from, as of the last step: the bus, unless it has confirmed nothing for
    /// too long and there is a writer to ask.
    pub fn source(&self) -> Source {
        self.source
    }

    /// Judges the bus anew.
    pub(super) fn choose_source(&mut self, now: Duration) {
        let confirmed_at = self.freshness.confirmed_by(Source::Bus);
        let waited = now.saturating_sub(confirmed_at.unwrap_or_default());
        self.source = match self.sources {
            Sources::BusAndWriter if self.timing.bus_patience <= waited => Source::Writer,
            _ => Source::Bus,
        };
    }

    /// Asks a writer, while that is where changes come from, or to have its history compared.
    pub(super) fn poll_if_due(&mut self, now: Duration, effects: &mut Vec<Effect>) {
        let is_source = self.source == Source::Writer;
        let doubted = self.polling.doubts.first();
        let wanted = is_source || doubted.is_some();
        let due = self.polling.running.is_none() && self.polling.not_before <= now;
        if self.sources == Sources::Bus || !wanted || !due {
            return;
        }
        match doubted.or_else(|| self.slots.tip_in(self.epoch_seen)) {
            Some(tip) => {
                let attempt = PollAttempt(self.number());
                self.polling.running = Some(Poll {
                    attempt,
                    sent_at: now,
                    after: tip,
                    head: None,
                });
                effects.push(Effect::Poll(attempt, tip));
            }
            None if is_source => self.want_writer_snapshot(effects),
            None => {}
        }
    }

    pub(super) fn poll_begin(
        &mut self,
        now: Duration,
        attempt: PollAttempt,
        heartbeat: &Heartbeat,
        effects: &mut Vec<Effect>,
    ) {
        let Some(poll) = self.poll_of(attempt) else {
            return;
        };
        if heartbeat.head.epoch < self.epoch_seen {
            return;
        }
        let head = Some(heartbeat.head);
        self.polling.running = Some(Poll { head, ..poll });
        self.freshness.answered(heartbeat.head, poll.sent_at);
        self.heads.read_since_start(heartbeat.head);
        self.learn(now, heartbeat, effects);
    }

    /// Each carries its links, so they are good even if the answer is cut later.
    pub(super) fn poll_deliveries(
        &mut self,
        now: Duration,
        attempt: PollAttempt,
        deliveries: Vec<Delivery>,
        effects: &mut Vec<Effect>,
    ) {
        if self.poll_of(attempt).is_none() {
            return;
        }
        for delivery in deliveries {
            self.deliver(now, delivery, effects);
        }
    }

    pub(super) fn poll_end(&mut self, now: Duration, attempt: PollAttempt) {
        let Some(poll) = self.poll_of(attempt) else {
            return;
        };
        self.counts.polls += 1;
        self.polling.answered(poll);
        // The page was full, or there are doubts left: the next one at once.
        let position = self.slots.position();
        let was_full = Some(poll.after.position) < position && position < poll.head;
        let more = was_full || self.polling.doubts.first().is_some();
        self.polling.not_before = if more {
            now
        } else {
            poll.sent_at + self.timing.poll_interval
        };
    }

    pub(super) fn poll_refused(
        &mut self,
        attempt: PollAttempt,
        head: Option<Position>,
        effects: &mut Vec<Effect>,
    ) {
        let Some(poll) = self.poll_of(attempt) else {
            return;
        };
        self.counts.polls += 1;
        self.polling.answered(poll);
        self.polling.not_before = poll.sent_at + self.timing.poll_interval;
        if let Some(head) = head {
            self.see_epoch(head.epoch, effects);
        }
        if self.source == Source::Writer {
            self.want_writer_snapshot(effects);
        }
    }

    pub(super) fn poll_failed(&mut self, now: Duration, attempt: PollAttempt) {
        if self.poll_of(attempt).is_none() {
            return;
        }
        self.polling.running = None;
        self.polling.failures_in_row = self.polling.failures_in_row.saturating_add(1);
        let delay = self.timing.retry_delay(self.polling.failures_in_row);
        let delay = self.jittered(delay.max(self.timing.poll_interval));
        self.polling.not_before = now + delay;
    }

    /// Only a snapshot helps. One that is being read from the bus is read on, unless the bus is
    /// known to be away.
    fn want_writer_snapshot(&mut self, effects: &mut Vec<Effect>) {
        let reads_the_bus = matches!(
            self.activity,
            Activity::Hydrating(Hydrating {
                from: Source::Bus,
                ..
            })
        );
        if reads_the_bus && matches!(self.feed, Feed::Down { failures: 1.. }) {
            self.activity = Activity::Resting;
        }
        self.want_hydration(effects);
    }

    fn poll_of(&self, attempt: PollAttempt) -> Option<Poll> {
        self.polling.running.filter(|poll| poll.attempt == attempt)
    }
}
