//! What was ever committed, so that every state that a reader may show can be told.

use std::time::Duration;

use shared::{Epoch, Link, Position, ResourceKey, Sequence, Slot};
use writer::store::Tip;

/// One document's number. There are few of them, so that they meet often.
pub(crate) type Key = u8;

/// How many documents there are.
pub(crate) const KEYS: Key = 6;

const COLLECTION: &str = "docs";

/// The key of a document.
pub(crate) fn resource(key: Key) -> ResourceKey {
    ResourceKey::parse(COLLECTION, &key.to_string())
        .unwrap_or_else(|error| unreachable!("a number is a key: {error}"))
}

/// The document of a key.
pub(crate) fn number(key: &ResourceKey) -> Key {
    key.id()
        .parse()
        .unwrap_or_else(|error| unreachable!("a key is a number: {error}"))
}

/// A committed change.
#[derive(Debug, Clone)]
pub(crate) struct Change {
    pub(crate) key: Key,
    pub(crate) deletes: bool,
    pub(crate) version: u64,
    /// In which epoch it was made.
    pub(crate) epoch: Epoch,
    pub(crate) sequence: u64,
    pub(crate) prev_link: Link,
    pub(crate) link: Link,
    pub(crate) at: Duration,
    /// From when on it is seen; later than `at` only without [`crate::Rule::CommitOrder`].
    pub(crate) visible_at: Duration,
}

/// One line of changes, without a hole.
#[derive(Debug, Clone)]
pub(crate) struct History {
    pub(crate) epoch: Epoch,
    /// The sequence before the first change.
    pub(crate) base: u64,
    pub(crate) base_link: Link,
    pub(crate) changes: Vec<Change>,
    /// Deletions at or below it have left no tombstone.
    pub(crate) forgotten: u64,
}

impl History {
    pub(crate) fn head(&self) -> u64 {
        self.base + self.changes.len() as u64
    }

    pub(crate) fn tip(&self) -> Tip {
        let link = self.changes.last().map_or(self.base_link, |last| last.link);
        Tip {
            position: Position::new(self.epoch, Sequence(self.head())),
            link,
        }
    }

    /// How many changes are at or below a sequence.
    fn count_through(&self, sequence: u64) -> usize {
        let count = usize::try_from(sequence.saturating_sub(self.base)).unwrap_or(usize::MAX);
        count.min(self.changes.len())
    }

    pub(crate) fn change(&self, sequence: u64) -> Option<&Change> {
        let index = sequence.checked_sub(self.base + 1)?;
        self.changes.get(usize::try_from(index).ok()?)
    }

    /// The link at a sequence, unless it is above the head or below the first change.
    pub(crate) fn link_at(&self, sequence: u64) -> Option<Link> {
        if sequence == self.base {
            return Some(self.base_link);
        }
        self.change(sequence).map(|change| change.link)
    }

    /// The last change of a key at or below a sequence.
    pub(crate) fn state(&self, key: Key, through: u64) -> Option<&Change> {
        let changes = &self.changes[..self.count_through(through)];
        changes.iter().rev().find(|change| change.key == key)
    }

    /// As [`Self::state`] at the head, of what is visible by then.
    pub(crate) fn visible(&self, key: Key, now: Duration) -> Option<&Change> {
        let of_key = |change: &&Change| change.key == key && change.visible_at <= now;
        self.changes.iter().rev().find(of_key)
    }

    /// The head as it was at a time.
    pub(crate) fn head_at(&self, at: Duration) -> u64 {
        let before = self.changes.iter().take_while(|change| change.at <= at);
        self.base + before.count() as u64
    }

    /// Whether a key is deleted above `after`, by a change whose tombstone is gone.
    pub(crate) fn is_forgotten_above(&self, key: Key, after: u64) -> bool {
        let above = &self.changes[self.count_through(after)..];
        above
            .iter()
            .take_while(|change| change.sequence <= self.forgotten)
            .any(|change| change.key == key && change.deletes)
    }

    pub(crate) fn slot(&self, change: &Change) -> Slot {
        Slot {
            position: Position::new(self.epoch, Sequence(change.sequence)),
            prev_link: change.prev_link,
            link: change.link,
        }
    }
}
