//! What the cache reports back: weights, and that something was evicted.

use std::sync::{
    Arc,
    atomic::{AtomicU64, Ordering},
};

use quick_cache::{Lifecycle, Weighter};

use super::key::EntryKey;
use crate::entry::Entry;

/// Counts of what the catalog holds. Relaxed: each is right on its own, not with the others.
#[derive(Debug, Default)]
pub(super) struct Counts {
    pub(super) documents: AtomicU64,
    pub(super) tombstones: AtomicU64,
    pub(super) evictions: AtomicU64,
}

impl Counts {
    pub(super) fn add(&self, entry: &Entry) {
        self.count_of(entry).fetch_add(1, Ordering::Relaxed);
    }

    pub(super) fn remove(&self, entry: &Entry) {
        self.count_of(entry).fetch_sub(1, Ordering::Relaxed);
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

/// Counts evictions.
#[derive(Debug, Clone)]
pub(super) struct CountEvictions(pub(super) Arc<Counts>);

impl Lifecycle<EntryKey, Entry> for CountEvictions {
    type RequestState = ();

    // Not `on_evict`: the cache calls that for replaced values as well.
    fn before_evict(&self, _state: &mut (), _key: &EntryKey, val: &mut Entry) {
        self.0.evictions.fetch_add(1, Ordering::Relaxed);
        self.0.remove(val);
    }
}
