//! Whether the database still holds the history that somebody saw.

use std::cmp::Ordering;

use shared::{Link, Sequence};

use super::Tip;

/// Highest epoch that anybody can have seen: the time in microseconds of 2200-01-01. What tells of a
/// later one is damaged or a lie, and is not believed.
///
/// A new epoch lies above every one that somebody saw, so a single word of one near
/// [`NUMBER_MAX`](shared::limits::NUMBER_MAX), from whoever reaches the internal plane or registers
/// as a reader, would leave no room for any after it.
pub const EPOCH_SEEN_MAX: u64 = 7_258_118_400_000_000;

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
    /// begun a new one since. So does one of an epoch above [`EPOCH_SEEN_MAX`].
    pub(super) fn judge(feed: &Tip, known: &Tip) -> Self {
        let (head, seen) = (feed.position, known.position);
        match seen.epoch.cmp(&head.epoch) {
            Ordering::Less => return Self::Stands,
            Ordering::Greater if EPOCH_SEEN_MAX < seen.epoch.0 => return Self::Stands,
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
