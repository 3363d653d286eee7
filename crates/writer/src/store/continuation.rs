//! How a page of changes relates to the place from which a reader would go on.

use super::{ChangePage, Tip};

/// See [`ChangePage::continuation`].
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Continuation {
    /// It continues from there.
    Continues,
    /// The changes after it are no longer kept.
    Pruned,
    /// That place is not in this history.
    Forked,
}

impl ChangePage {
    /// How this page relates to `known`, after whose sequence it was asked for.
    pub fn continuation(&self, known: &Tip) -> Continuation {
        let (head, seen) = (self.feed.tip, known.position);
        if seen.epoch != head.position.epoch || seen.sequence > head.position.sequence {
            return Continuation::Forked;
        }
        if seen.sequence.next() < self.floor {
            return Continuation::Pruned;
        }
        let link = match self.changes.first() {
            Some(change) => change.slot.prev_link,
            None => head.link,
        };
        if link == known.link {
            Continuation::Continues
        } else {
            Continuation::Forked
        }
    }
}
