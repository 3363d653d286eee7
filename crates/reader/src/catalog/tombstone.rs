//! Tombstones in the order in which they may be forgotten.

use std::cmp::Ordering;

use crate::entry::Entry;

/// A tombstone in order of position; the key tells apart what a defect elsewhere numbered alike.
#[derive(Debug)]
pub(super) struct Tombstone(pub(super) Entry);

impl Ord for Tombstone {
    fn cmp(&self, other: &Self) -> Ordering {
        let by_position = self.0.position().cmp(&other.0.position());
        by_position.then_with(|| self.0.key_octets().cmp(&other.0.key_octets()))
    }
}

impl PartialOrd for Tombstone {
    fn partial_cmp(&self, other: &Self) -> Option<Ordering> {
        Some(self.cmp(other))
    }
}

impl PartialEq for Tombstone {
    fn eq(&self, other: &Self) -> bool {
        self.cmp(other).is_eq()
    }
}

impl Eq for Tombstone {}
