//! The subscription, and the heads of which it tells.

use std::time::Duration;

use shared::Heartbeat;

use super::{Effect, Replica, freshness::Repetition, slots::Tip};

#[derive(Debug)]
pub(super) enum Feed {
    Down { failures: u32 },
    Up { heard_at: Duration },
}

impl Replica {
    pub(super) fn heard(&mut self, now: Duration) {
        if let Feed::Up { heard_at } = &mut self.feed {
            *heard_at = now;
        }
    }

    pub(super) fn subscribed(&mut self, now: Duration, effects: &mut Vec<Effect>) {
        self.feed = Feed::Up { heard_at: now };
        if self.slots.position_in(self.epoch_seen).is_some() {
            self.replay_wanted = true;
            self.replay_not_before = now;
        } else {
            self.want_hydration(effects);
        }
    }

    pub(super) fn disconnected(&mut self, effects: &mut Vec<Effect>) {
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

    /// A connection over which nothing comes is no better than none.
    pub(super) fn give_up_silence(&mut self, now: Duration, effects: &mut Vec<Effect>) {
        if let Feed::Up { heard_at } = self.feed
            && self.timing.silence_max <= now.saturating_sub(heard_at)
        {
            self.counts.silences += 1;
            self.disconnected(effects);
        }
    }

    pub(super) fn beat(&mut self, now: Duration, heartbeat: &Heartbeat, effects: &mut Vec<Effect>) {
        if heartbeat.head.epoch < self.epoch_seen {
            return;
        }
        let own = heartbeat
            .probes
            .iter()
            .find(|one| one.reader == self.reader);
        let repetition = own.map_or(Repetition::Unknown, |probe| {
            self.freshness.repeated(probe.nonce, heartbeat.head)
        });
        match repetition {
            Repetition::Unknown => {}
            Repetition::Read => self.heads.read_since_start(heartbeat.head),
            Repetition::GoneBack => self.gone_back(),
        }
        self.learn(now, heartbeat, effects);
    }

    /// The database stands at this head, which is not of an ended epoch.
    pub(super) fn learn(
        &mut self,
        now: Duration,
        heartbeat: &Heartbeat,
        effects: &mut Vec<Effect>,
    ) {
        self.see_epoch(heartbeat.head.epoch, effects);
        let deadline = now + self.timing.head_patience;
        self.heads.learn(heartbeat.head, deadline);
        let forks = |tip: &Tip| tip.position == heartbeat.head && tip.link != heartbeat.link;
        if let Some(tip) = self.slots.tip().filter(forks) {
            self.forked([tip], effects);
        }
        self.reached();
    }
}
