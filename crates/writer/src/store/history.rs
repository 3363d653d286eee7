//! Whether the database still holds the history that somebody saw.

use std::cmp::Ordering;

use shared::{Link, Sequence};

use super::Tip;

/// How a tip that somebody saw relates to the feed row.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum History {
    /// As far as the feed row tells, the tip is part of the history.
    Stands,
    /// The tip is not part of it: the database was restored from an older copy.
    Broken,
    /// The log has to tell: it stands if the change of this sequence bears the tip's link, or was
    /// pruned.
    Within(Sequence),
}

impl History {
    /// Judges by epoch, head and link. A tip of an earlier epoch proves nothing: somebody has
    /// begun a new one since.
    pub(super) fn judge(feed: &Tip, known: &Tip) -> Self {
        let (head, seen) = (feed.position, known.position);
        match seen.epoch.cmp(&head.epoch) {
            Ordering::Less => return Self::Stands,
            Ordering::Greater => return Self::Broken,
            Ordering::Equal => {}
        }
        match seen.sequence.cmp(&head.sequence) {
            Ordering::Less => Self::Within(seen.sequence),
            Ordering::Equal if known.link == feed.link => Self::Stands,
            Ordering::Equal | Ordering::Greater => Self::Broken,
        }
    }
}

/// A link for a change about to be made: any 64 bits but [`Link::ZERO`].
pub(super) fn new_link() -> Link {
    Link(fastrand::u64(1..))
}
