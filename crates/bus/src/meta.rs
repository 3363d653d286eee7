//! What the bus says of the snapshot it holds.

use shared::{Epoch, Link, Position, Sequence};

/// The id of one rebuild of the snapshot: random, never 0, never used twice.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct Build(pub u64);

/// The `meta` record: what the snapshot is and how far it goes.
///
/// `published_through = p` means that every slot at or below `p` is in the snapshot and that the
/// log holds exactly the slots in `(log_from, p]`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Meta {
    /// The history the snapshot belongs to.
    pub epoch: Epoch,
    /// The leadership that began this build. Only ever rises.
    pub term: u64,
    /// The rebuild that made it.
    pub build: Build,
    /// How many buckets it has: a power of two.
    pub buckets: u32,
    /// How many chunks the rebuild has stored.
    pub built: u64,
    /// Whether the rebuild has finished and nothing was found missing since.
    pub complete: bool,
    /// The highest slot up to which all are in the snapshot.
    pub published_through: Sequence,
    /// The highest slot no longer in the log.
    pub log_from: Sequence,
    /// The link of the change at `published_through`.
    pub tip: Link,
}

impl Meta {
    /// `published_through` with its epoch.
    pub fn position(&self) -> Position {
        Position::new(self.epoch, self.published_through)
    }
}
