//! A set over its budget: whether anything is missing from it, and what may be.
//!
//! # Why a document that is not held is never answered from an older state than was served
//!
//! Let *line* be the highest position up to which entries may be evicted. It is at or below the
//! reader's position, and below the floor of a hydration that runs.
//!
//! - An entry above the line stays. So whatever comes late for its key meets it and is refused, and
//!   a slot that counts as filled is filled by what the catalog holds.
//! - What comes late for a key that was evicted is at or below the position, and is ignored for
//!   that; or it is above, and newer than what was evicted.
//! - A hydration's or a scrub's bucket may have been read long before it is applied. It replaces
//!   what is held, by position as always, and adds keys only while nothing is missing: once
//!   anything is, a key that is not held is one that was evicted, and an old state of it may be in
//!   the bucket. So neither one can push out what is read often, nor run over the budget.
//! - What a local snapshot has adds keys under the same condition. It is applied before the reader
//!   has a position, so before anything may be evicted. Of a set from which something is missing
//!   none is written.
//! - A fetch asks bus or writer for one document once the key is not held, at position *p*. The
//!   answer is used if whoever is asked then had everything at or below *p*, and if nothing was
//!   applied to the key in the meantime. Everything ever evicted of the key was at or below *p*, so the answer is at least
//!   as new; everything after *p* comes through the feed, and would have been applied to the key.
//! - While a hydration runs nothing is fetched: its end moves the position without telling which
//!   keys changed.
//!
//! So an envelope for an evicted key needs no rule of its own: it is put in like any other, and
//! stays until the position has passed it.

use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};

use shared::{Epoch, Position, Sequence};

/// Whether something may be missing, and up to where. The line is written and read by the one
/// thread that writes the catalog.
#[derive(Debug, Default)]
pub(super) struct Partial {
    has_begun: AtomicBool,
    epoch: AtomicU64,
    sequence: AtomicU64,
}

impl Partial {
    /// From now on a miss means nothing.
    pub(super) fn begin(&self) {
        self.has_begun.store(true, Ordering::Release);
    }

    pub(super) fn is_partial(&self) -> bool {
        self.has_begun.load(Ordering::Acquire)
    }

    /// Entries at or below `line` may be evicted. None before.
    pub(super) fn draw_line(&self, line: Position) {
        self.epoch.store(line.epoch.0, Ordering::Relaxed);
        self.sequence.store(line.sequence.0, Ordering::Relaxed);
    }

    pub(super) fn may_lack(&self, position: Position) -> bool {
        let epoch = Epoch(self.epoch.load(Ordering::Relaxed));
        let sequence = Sequence(self.sequence.load(Ordering::Relaxed));
        position <= Position::new(epoch, sequence)
    }
}
