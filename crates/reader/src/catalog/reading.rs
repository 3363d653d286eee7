//! The reading end: look-ups, and what is held.

use std::{
    cmp, fmt,
    sync::{Arc, atomic::Ordering},
};

use shared::Envelope;

use super::{Inner, KeyRef};
use crate::entry::Entry;

/// What the catalog knows of a key.
#[derive(Debug, Clone)]
pub enum Lookup {
    /// The document, never a tombstone and never expired.
    Hit(Entry),
    /// There is no such document at the reader's position, or it has expired.
    Absent,
    /// It is not held, and the set is not whole any more: whoever holds all of it may know.
    Unknown,
    /// The catalog is not ready, or the document expires and no heartbeat has told the time yet.
    NotReady,
}

/// The reading end. Cloning it copies a pointer.
#[derive(Clone)]
pub struct Catalog(pub(super) Arc<Inner>);

impl Catalog {
    /// What is known of a key: `&ResourceKey`, `(collection, id)` as text or octets, or
    /// `"collection/id"`.
    ///
    /// Allocates nothing. Costs a hash of the key, a shard's lock in shared mode, usually three
    /// cache misses, and a reference count; where the document expires, a look at the monotonic
    /// clock.
    #[inline]
    pub fn lookup<'a>(&self, key: impl Into<KeyRef<'a>>) -> Lookup {
        if !self.is_ready() {
            return Lookup::NotReady;
        }
        match self.0.entries.get(&key.into()) {
            Some(entry) if entry.is_tombstone() => Lookup::Absent,
            Some(entry) => self.unless_expired(entry),
            None if self.is_partial() => Lookup::Unknown,
            None => Lookup::Absent,
        }
    }

    /// Whether documents may be missing that a look-up says [`Lookup::Unknown`] of.
    pub fn is_partial(&self) -> bool {
        self.0.partial.is_partial()
    }

    /// Whether the catalog is a whole set that may be served.
    pub fn is_ready(&self) -> bool {
        self.0.is_ready.load(Ordering::Acquire)
    }

    /// How many documents are held, tombstones not counted.
    pub fn documents(&self) -> u64 {
        self.0.counts.documents.load(Ordering::Relaxed)
    }

    /// How many tombstones are held.
    pub fn tombstones(&self) -> u64 {
        self.0.counts.tombstones.load(Ordering::Relaxed)
    }

    /// What all entries cost, in octets; see [`Entry::bytes`].
    pub fn bytes(&self) -> u64 {
        self.0.counts.bytes.load(Ordering::Relaxed)
    }

    /// See [`CatalogConfig::bytes_max`](super::CatalogConfig::bytes_max).
    pub fn bytes_max(&self) -> Option<u64> {
        self.0.bytes_max
    }

    /// How many entries were evicted since the start. Above 0 without a budget is a defect.
    pub fn evictions(&self) -> u64 {
        self.0.counts.evictions.load(Ordering::Relaxed)
    }

    /// Whether what a hydration or a scrub has read could now change no more than the mark of its
    /// key: the catalog has the same or newer, or leaves it out. `scratch` is a buffer to be used
    /// again, whatever it holds.
    pub(crate) fn gains_nothing(&self, envelope: &Envelope, scratch: &mut Vec<u8>) -> bool {
        match self.0.entries.peek(&KeyRef::from(&envelope.key)) {
            Some(held) => match held.position().cmp(&envelope.position) {
                cmp::Ordering::Less => false,
                cmp::Ordering::Equal => held.is_of(envelope, scratch),
                cmp::Ordering::Greater => true,
            },
            None => self.is_partial(),
        }
    }

    /// Visits every entry, tombstones included, in no order. Entries that come or go meanwhile may
    /// be visited or not. For tests and comparisons; takes a lock for each entry.
    pub fn for_each(&self, mut visit: impl FnMut(&Entry)) {
        for (_key, entry) in self.0.entries.iter() {
            visit(&entry);
        }
    }

    /// As [`Self::for_each`], until the first error. One that is replaced meanwhile stays in its
    /// place, and so is visited; only one that comes or goes may not be.
    pub(crate) fn try_for_each<E>(
        &self,
        mut visit: impl FnMut(&Entry) -> Result<(), E>,
    ) -> Result<(), E> {
        let mut entries = self.0.entries.iter();
        entries.try_for_each(|(_key, entry)| visit(&entry))
    }
}

impl fmt::Debug for Catalog {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Catalog")
            .field("is_ready", &self.is_ready())
            .field("counts", &self.0.counts)
            .finish_non_exhaustive()
    }
}
