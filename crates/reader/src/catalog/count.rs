//! What the cache asks and reports: weights, what may be evicted, and what was.

use std::sync::{
    Arc,
    atomic::{AtomicU64, Ordering},
};

use quick_cache::{Lifecycle, Weighter};

use super::{key::EntryKey, partial::Partial};
use crate::entry::Entry;

/// Counts of what the catalog holds. Relaxed: each is right on its own, not with the others.
#[derive(Debug, Default)]
pub(super) struct Counts {
    pub(super) documents: AtomicU64,
    pub(super) tombstones: AtomicU64,
    /// What all of them cost, in octets.
    pub(super) bytes: AtomicU64,
    pub(super) evictions: AtomicU64,
}

impl Counts {
    pub(super) fn add(&self, entry: &Entry) {
        self.count_of(entry).fetch_add(1, Ordering::Relaxed);
        self.bytes
            .fetch_add(entry.bytes() as u64, Ordering::Relaxed);
    }

    pub(super) fn remove(&self, entry: &Entry) {
        self.count_of(entry).fetch_sub(1, Ordering::Relaxed);
        self.bytes
            .fetch_sub(entry.bytes() as u64, Ordering::Relaxed);
    }

    fn count_of(&self, entry: &Entry) -> &AtomicU64 {
        if entry.is_tombstone() {
            &self.tombstones
        } else {
            &self.documents
        }
    }
}

/// Weighs entries in octets.
#[derive(Debug, Clone)]
pub(super) struct Bytes;

impl Weighter<EntryKey, Entry> for Bytes {
    fn weight(&self, _key: &EntryKey, val: &Entry) -> u64 {
        val.bytes() as u64
    }
}

/// Says what may be evicted, and counts what is.
#[derive(Debug, Clone)]
pub(super) struct Evicting {
    pub(super) counts: Arc<Counts>,
    pub(super) partial: Arc<Partial>,
}

impl Lifecycle<EntryKey, Entry> for Evicting {
    type RequestState = ();

    fn is_pinned(&self, _key: &EntryKey, val: &Entry) -> bool {
        !self.partial.may_lack(val.position())
    }

    // Not `on_evict`: the cache calls that for replaced values as well.
    fn before_evict(&self, _state: &mut (), _key: &EntryKey, val: &mut Entry) {
        self.partial.begin();
        self.counts.evictions.fetch_add(1, Ordering::Relaxed);
        self.counts.remove(val);
    }
}
