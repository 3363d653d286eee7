//! Replays of the in-process log.

use shared::{
    Delivery, Envelope, Position,
    codec::{DecodeError, decode},
};

use super::contents::{Contents, LogEntry};
use crate::{
    Replay,
    limits::{REPLAY_BYTES_MAX, REPLAY_SLOTS_MAX},
    stored::sequence_of,
};

impl Contents {
    pub(super) fn replay(&self, after: Position) -> Replay {
        let mut replay = Replay {
            meta: self.meta,
            deliveries: Vec::new(),
            more: false,
        };
        let reaches = self
            .meta
            .is_some_and(|meta| meta.epoch == after.epoch && meta.log_from <= after.sequence);
        if !reaches {
            return replay;
        }
        let first = after.sequence.next().0;
        let mut octets = 0;
        for number in first..first + REPLAY_SLOTS_MAX {
            let Some((delivery, size)) =
                self.log.get(&number).and_then(|entry| self.deliver(entry))
            else {
                return replay;
            };
            octets += size;
            if octets > REPLAY_BYTES_MAX && !replay.deliveries.is_empty() {
                break;
            }
            replay.deliveries.push(delivery);
        }
        replay.more = true;
        replay
    }

    /// The slot with its document's current envelope and that one's size, unless it is missing or
    /// older than the slot.
    fn deliver(&self, entry: &LogEntry) -> Option<(Delivery, usize)> {
        let meta = self.meta.as_ref()?;
        let index = usize::try_from(entry.key.bucket(meta.buckets)).ok()?;
        let frame = self.buckets.get(index)?.documents.get(&entry.key)?;
        if sequence_of(frame)? < entry.slot.position.sequence.0 {
            return None;
        }
        let envelope: Result<Envelope, DecodeError> = decode(frame);
        let delivery = Delivery {
            slot: entry.slot,
            envelope,
        };
        Some((delivery, frame.len()))
    }
}
