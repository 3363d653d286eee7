//! What the machine is told, and what it would be told without a rule.

use reader::{
    catalog::Hydration,
    replica::{Input, State},
};
use shared::{Delivery, Epoch, FeedMessage, Heartbeat, feed::Probe};

use super::Reader;
use crate::Rule;

impl Reader {
    /// A message of the feed arrives; nothing, once its connection has ended.
    pub(super) fn hear(&mut self, message: FeedMessage) {
        if self.subscription.is_none() {
            return;
        }
        let hydrates = self.replica.state() == State::Hydrating;
        let applies = self.ground.rules.hold(Rule::AppliedWhileHydrating);
        match message {
            FeedMessage::Delivery(_) | FeedMessage::Notice(_) if hydrates && !applies => {}
            FeedMessage::Delivery(delivery) => self.deliver(delivery),
            FeedMessage::Notice(slot) => self.step(Input::Notice(slot)),
            FeedMessage::Heartbeat(beat) => self.beat(beat),
        }
    }

    fn deliver(&mut self, delivery: Delivery) {
        let mut delivery = self.delivered(delivery);
        let position = self.replica.position();
        let epoch = self.replica.head().map(|head| head.epoch);
        if !self.ground.rules.hold(Rule::EarlierEpochIgnored)
            && let Some(epoch) = epoch.filter(|epoch| delivery.slot.position.epoch < *epoch)
        {
            relabel(&mut delivery, epoch);
        }
        let is_past = position.is_some_and(|held| {
            held.epoch == delivery.slot.position.epoch && delivery.slot.position <= held
        });
        if let (true, false, Ok(envelope)) = (
            is_past,
            self.ground.rules.hold(Rule::PastIgnored),
            &delivery.envelope,
        ) {
            self.catalog.apply(envelope, None, &self.ground);
        }
        self.step(Input::Delivery(delivery));
    }

    /// A delivery as the machine gets it: without [`Rule::Slots`], under its envelope's sequence.
    pub(super) fn delivered(&self, mut delivery: Delivery) -> Delivery {
        if let (false, Ok(envelope)) = (self.ground.rules.hold(Rule::Slots), &delivery.envelope) {
            delivery.slot.position = envelope.position;
            delivery.slot.prev_link = envelope.prev_link;
            delivery.slot.link = envelope.link;
        }
        delivery
    }

    fn beat(&mut self, mut beat: Heartbeat) {
        if !self.ground.rules.hold(Rule::Heartbeats) {
            return;
        }
        if !self.ground.rules.hold(Rule::NonceSending) {
            for probe in &mut beat.probes {
                if probe.reader == self.name {
                    probe.nonce = self.latest.nonce;
                }
            }
        }
        if !self.ground.rules.hold(Rule::ReadyByNonce) && !self.is_ready {
            beat.probes.retain(|probe| probe.reader != self.name);
            beat.probes.push(Probe {
                reader: self.name.clone(),
                nonce: self.latest.nonce,
            });
        }
        self.step(Input::Heartbeat(beat));
    }

    pub(super) fn tell(&mut self, input: Input) {
        let input = if self.ground.rules.hold(Rule::AttemptsNumbered) {
            input
        } else {
            self.renumbered(input)
        };
        self.step(input);
    }

    /// As if attempts bore no numbers.
    fn renumbered(&self, input: Input) -> Input {
        let hydration = |one: Hydration| self.latest.hydration.unwrap_or(one);
        match input {
            Input::SnapshotBegin(one, meta) => Input::SnapshotBegin(hydration(one), meta),
            Input::WriterSnapshotBegin(one, beat) => {
                Input::WriterSnapshotBegin(hydration(one), beat)
            }
            Input::SnapshotChunk(one, chunk) => Input::SnapshotChunk(hydration(one), chunk),
            Input::SnapshotEnd(one, meta) => Input::SnapshotEnd(hydration(one), meta),
            Input::WriterSnapshotEnd(one, epoch) => Input::WriterSnapshotEnd(hydration(one), epoch),
            Input::SnapshotFailed(one, failure) => Input::SnapshotFailed(hydration(one), failure),
            Input::Replayed(one, page) => Input::Replayed(self.latest.replay.unwrap_or(one), page),
            Input::Scrubbed(one, read) => Input::Scrubbed(self.latest.scrub.unwrap_or(one), read),
            Input::PollBegin(one, beat) => Input::PollBegin(self.latest.poll.unwrap_or(one), beat),
            Input::PollDeliveries(one, all) => {
                Input::PollDeliveries(self.latest.poll.unwrap_or(one), all)
            }
            Input::PollEnd(one) => Input::PollEnd(self.latest.poll.unwrap_or(one)),
            other => other,
        }
    }
}

fn relabel(delivery: &mut Delivery, epoch: Epoch) {
    delivery.slot.position.epoch = epoch;
    if let Ok(envelope) = &mut delivery.envelope {
        envelope.position.epoch = epoch;
    }
}
