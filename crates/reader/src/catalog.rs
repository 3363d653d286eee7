//! The reader's set of documents.
//!
//! [`catalog`] gives two ends: a [`Catalog`] for each thread that reads, and the one
//! [`CatalogWriter`], which cannot be cloned, so that whoever holds it compares and replaces
//! without a race. Readers hold a shard's lock for one look-up, in shared mode; the writer holds
//! one for one insertion or removal and never for a walk through the set, because a reader waits
//! behind it.
//!
//! Invariants:
//! - Within the catalog, a key's position never falls while its entry stays. Octets of one position
//!   change only where a hydration or a scrub reads others.
//! - With no budget, nothing is ever evicted: the capacity is beyond what memory can hold. So a
//!   miss means that the document does not exist.
//! - With one, from the first eviction on, or the first document that a snapshot had and that found
//!   no room, a miss means nothing; [`partial`] says what may be missing, and why that is safe.
//! - A document that has expired by the database's clock is never a hit.

mod clock;
mod count;
mod key;
mod partial;
mod reading;
mod size;
mod tombstone;
mod writing;

use std::sync::{Arc, atomic::AtomicBool};

use quick_cache::{DefaultHashBuilder, sync::Cache};

use self::{
    clock::Clock,
    count::{Bytes, Counts, Evicting},
    key::EntryKey,
    partial::Partial,
};
pub use self::{
    key::KeyRef,
    reading::{Catalog, Lookup},
    size::CatalogConfig,
    writing::{Applied, CatalogWriter},
};
pub use crate::entry::Hydration;

use crate::entry::Entry;

type Entries = Cache<EntryKey, Entry, Bytes, DefaultHashBuilder, Evicting>;

/// Makes an empty catalog that is not ready.
pub fn catalog(config: CatalogConfig) -> (Catalog, CatalogWriter) {
    let counts = Arc::new(Counts::default());
    let partial = Arc::new(Partial::default());
    let evicting = Evicting {
        counts: Arc::clone(&counts),
        partial: Arc::clone(&partial),
    };
    let hasher = DefaultHashBuilder::default();
    let entries = Cache::with_options(size::options(config), Bytes, hasher, evicting);
    let catalog = Catalog(Arc::new(Inner {
        entries,
        bytes_max: config.bytes_max,
        counts,
        partial,
        is_ready: AtomicBool::new(false),
        clock: Clock::new(),
    }));
    (catalog.clone(), CatalogWriter::new(catalog))
}

struct Inner {
    entries: Entries,
    bytes_max: Option<u64>,
    counts: Arc<Counts>,
    partial: Arc<Partial>,
    is_ready: AtomicBool,
    clock: Clock,
}
