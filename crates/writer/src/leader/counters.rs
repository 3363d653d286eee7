//! What the leader has done and seen.

use std::sync::{
    Mutex, MutexGuard, PoisonError,
    atomic::{AtomicBool, AtomicU64},
};

use shared::Sequence;

use crate::store::Tip;

/// What this process has done as leader since its start.
#[derive(Debug, Default)]
pub struct LeaderCounters {
    /// Whether it leads now.
    pub leads: AtomicBool,
    /// Its latest term; 0 before the first.
    pub term: AtomicU64,
    /// Heartbeats sent.
    pub heartbeats: AtomicU64,
    /// Heartbeats that the bus did not take.
    pub heartbeats_failed: AtomicU64,
    /// Slots published by sweeps.
    pub swept: AtomicU64,
    /// Documents compared with what the bus holds.
    pub compared: AtomicU64,
    /// Documents that the bus had wrong, put right.
    pub mended: AtomicU64,
    /// Tombstones, and documents that the database does not know, removed from the bus.
    pub purged: AtomicU64,
    /// Expired documents deleted.
    pub expired: AtomicU64,
    /// Changes removed from the database by age.
    pub changes_pruned: AtomicU64,
    /// Tombstones removed from the database.
    pub tombstones_pruned: AtomicU64,
    /// Receipts of repeatable writes removed from the database by age.
    pub receipts_pruned: AtomicU64,
    /// Rebuilds begun.
    pub rebuilds: AtomicU64,
    /// Rounds that failed because the bus or the database was away.
    pub rounds_failed: AtomicU64,
    /// Times that the bus and the database told of different histories.
    pub forks: AtomicU64,
    seen: Mutex<Seen>,
}

/// What the latest round saw.
#[derive(Debug, Clone, Copy, Default)]
pub(crate) struct Seen {
    /// The database's tip.
    pub(crate) tip: Option<Tip>,
    /// Up to where the bus had everything.
    pub(crate) published_through: Option<Sequence>,
}

impl LeaderCounters {
    /// What the latest round saw; nothing before the first.
    pub(crate) fn seen(&self) -> Seen {
        *self.lock()
    }

    pub(super) fn see(&self, seen: Seen) {
        *self.lock() = seen;
    }

    fn lock(&self) -> MutexGuard<'_, Seen> {
        // Written whole, so a panic elsewhere leaves nothing half done.
        self.seen.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
