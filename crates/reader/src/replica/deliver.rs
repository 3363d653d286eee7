//! Changes, live and replayed.

use std::time::Duration;

use shared::{Delivery, Envelope, Slot};

use super::{Effect, Replica};

impl Replica {
    /// Applies a change and fills its slot.
    ///
    /// The catalog orders by position, so applying at once is right even while a hydration runs:
    /// an older envelope of the same key, read later, is refused there.
    pub(super) fn deliver(&mut self, now: Duration, delivery: Delivery, effects: &mut Vec<Effect>) {
        let Delivery { slot, envelope } = delivery;
        if !self.is_ahead(&slot, effects) {
            return;
        }
        let matches = |envelope: &Envelope| {
            envelope.position.epoch == slot.position.epoch && slot.position <= envelope.position
        };
        let envelope = match envelope {
            Ok(envelope) if matches(&envelope) => envelope,
            unusable => {
                self.counts.undecodable += 1;
                self.readiness
                    .slot_unreadable(slot.position, unusable.err());
                return;
            }
        };
        effects.push(Effect::Apply(envelope, None));
        let advance = self.slots.fill(&slot, self.epoch_seen, now);
        self.advanced(advance, effects);
    }

    /// A change too large for the feed: the log has it.
    pub(super) fn notice(&mut self, slot: &Slot, effects: &mut Vec<Effect>) {
        if self.is_ahead(slot, effects) {
            self.replay_wanted = true;
        }
    }

    /// Whether a slot is above the position, in the latest epoch.
    fn is_ahead(&mut self, slot: &Slot, effects: &mut Vec<Effect>) -> bool {
        if slot.position.epoch < self.epoch_seen {
            return false;
        }
        self.see_epoch(slot.position.epoch, effects);
        let held = self.slots.position_in(slot.position.epoch);
        held.is_none_or(|position| position < slot.position)
    }
}
