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
mod tombstone;

use std::{
    cmp::Ordering,
    collections::BTreeSet,
    fmt,
    sync::{
        Arc,
        atomic::{self, AtomicBool},
    },
};

use quick_cache::{DefaultHashBuilder, Options, OptionsBuilder, sync::Cache};
use shared::{Envelope, Position, ResourceKey, Timestamp, limits::ENVELOPE_BYTES_MAX};

pub use self::key::KeyRef;
use self::{
    clock::{Clock, Setter},
    count::{Bytes, Counts, Evicting},
    key::EntryKey,
    partial::Partial,
    tombstone::Tombstone,
};
pub use crate::entry::Hydration;

use crate::entry::Entry;

type Entries = Cache<EntryKey, Entry, Bytes, DefaultHashBuilder, Evicting>;

/// Upper bound on the shards, each with its lock. Many, because a shard that grows moves all it
/// holds while its readers wait: of a million documents, 4,096 at once.
const SHARDS_MAX: u64 = 256;

/// Lower bound on a shard's share of a budget, in octets: several of the largest entries.
const SHARD_BYTES_MIN: u64 = 8 * ENVELOPE_BYTES_MAX as u64;

/// Capacity without a budget, in octets. No machine has as much memory, and sums of weights stay
/// far from overflowing.
const UNLIMITED_BYTES: u64 = 1 << 60;

/// Sizes the shards and what the cache remembers of evicted keys; no limit.
const DOCUMENTS_EXPECTED: u64 = 1 << 20;

/// With a budget, documents are expected to cost this much, in octets. The cache remembers half as
/// many evicted keys as documents are expected, for 50 octets or so each: 3 % of the budget.
const DOCUMENT_BYTES_EXPECTED: u64 = 1024;

/// Of a budget, what snapshots fill. The rest is for what is written while they are read, which
/// cannot be evicted before the position has passed it.
const fn filled_bytes_max(bytes_max: u64) -> u64 {
    bytes_max / 8 * 7
}

/// What is kept of the buffer in which entries are put together, in octets. A larger one is given
/// back at once.
const SCRATCH_BYTES_MAX: usize = 64 * 1024;

/// How a catalog is sized.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct CatalogConfig {
    /// Upper bound on [`Catalog::bytes`]. `None`, the default, keeps every document. With a bound,
    /// cold entries are evicted and misses become [`Lookup::Unknown`]. What is above
    /// [`CatalogWriter::settle`]'s line stays, and may pass the bound.
    pub bytes_max: Option<u64>,
}

/// What became of an envelope.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Applied {
    /// It is in the catalog now.
    Newer,
    /// The catalog held its position with other octets, which were damaged or of a history that
    /// has ended: it is in the catalog now.
    Mended,
    /// As [`Self::Mended`], but identity is the same: a rebuild by another release, or with other
    /// codings, has coded it anew.
    Recoded,
    /// The catalog held a state at or above its position, and still does.
    Older,
    /// A snapshot had it and the catalog does not, for want of room: a look-up says
    /// [`Lookup::Unknown`].
    LeftOut,
}

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

/// Makes an empty catalog that is not ready.
pub fn catalog(config: CatalogConfig) -> (Catalog, CatalogWriter) {
    let counts = Arc::new(Counts::default());
    let partial = Arc::new(Partial::default());
    let evicting = Evicting {
        counts: Arc::clone(&counts),
        partial: Arc::clone(&partial),
    };
    let hasher = DefaultHashBuilder::default();
    let entries = Cache::with_options(options(config), Bytes, hasher, evicting);
    let catalog = Catalog(Arc::new(Inner {
        entries,
        bytes_max: config.bytes_max,
        counts,
        partial,
        is_ready: AtomicBool::new(false),
        clock: Clock::new(),
    }));
    let writer = CatalogWriter {
        catalog: catalog.clone(),
        clock: Setter::default(),
        tombstones: BTreeSet::new(),
        scratch: Vec::new(),
    };
    (catalog, writer)
}

fn options(config: CatalogConfig) -> Options {
    let bytes_max = config.bytes_max.unwrap_or(UNLIMITED_BYTES);
    let shards = (bytes_max / SHARD_BYTES_MIN).clamp(1, SHARDS_MAX);
    let documents = match config.bytes_max {
        None => DOCUMENTS_EXPECTED,
        Some(bytes_max) => bytes_max / DOCUMENT_BYTES_EXPECTED,
    };
    OptionsBuilder::new()
        .shards(usize::try_from(shards).unwrap_or(1))
        .estimated_items_capacity(usize::try_from(documents).unwrap_or(usize::MAX))
        .weight_capacity(bytes_max)
        .build()
        .unwrap_or_else(|error| unreachable!("both mandatory options are set: {error}"))
}

struct Inner {
    entries: Entries,
    bytes_max: Option<u64>,
    counts: Arc<Counts>,
    partial: Arc<Partial>,
    is_ready: AtomicBool,
    clock: Clock,
}

/// The reading end. Cloning it copies a pointer.
#[derive(Clone)]
pub struct Catalog(Arc<Inner>);

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
        self.0.is_ready.load(atomic::Ordering::Acquire)
    }

    /// How many documents are held, tombstones not counted.
    pub fn documents(&self) -> u64 {
        self.0.counts.documents.load(atomic::Ordering::Relaxed)
    }

    /// How many tombstones are held.
    pub fn tombstones(&self) -> u64 {
        self.0.counts.tombstones.load(atomic::Ordering::Relaxed)
    }

    /// What all entries cost, in octets; see [`Entry::bytes`].
    pub fn bytes(&self) -> u64 {
        self.0.counts.bytes.load(atomic::Ordering::Relaxed)
    }

    /// See [`CatalogConfig::bytes_max`].
    pub fn bytes_max(&self) -> Option<u64> {
        self.0.bytes_max
    }

    /// How many entries were evicted since the start. Above 0 without a budget is a defect.
    pub fn evictions(&self) -> u64 {
        self.0.counts.evictions.load(atomic::Ordering::Relaxed)
    }

    /// Whether what a hydration or a scrub has read could now change no more than the mark of its
    /// key: the catalog has the same or newer, or leaves it out. `scratch` is a buffer to be used
    /// again, whatever it holds.
    pub(crate) fn gains_nothing(&self, envelope: &Envelope, scratch: &mut Vec<u8>) -> bool {
        match self.0.entries.peek(&KeyRef::from(&envelope.key)) {
            Some(held) => match held.position().cmp(&envelope.position) {
                Ordering::Less => false,
                Ordering::Equal => held.is_of(envelope, scratch),
                Ordering::Greater => true,
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

/// The writing end: there is one, and nothing else changes the set.
#[derive(Debug)]
pub struct CatalogWriter {
    catalog: Catalog,
    clock: Setter,
    /// Every tombstone held, so that forgetting some does not walk through the documents.
    tombstones: BTreeSet<Tombstone>,
    /// Where entries are put together; at most [`SCRATCH_BYTES_MAX`] of it are kept.
    scratch: Vec<u8>,
}

impl CatalogWriter {
    /// The reading end.
    pub fn catalog(&self) -> &Catalog {
        &self.catalog
    }

    /// Puts an envelope's state in place of what the catalog holds for its key, unless that is at
    /// or above the envelope's position. Either way the key then counts as seen by the hydration.
    ///
    /// What a hydration or a scrub has read, which its checksum holds, also takes the place of the
    /// same position with other octets: one copy is wrong, and this one has just been checked.
    ///
    /// What a hydration has seen adds no key to a set that is not whole, or that it has filled.
    pub fn apply(&mut self, envelope: &Envelope, seen_by: Option<Hydration>) -> Applied {
        let inner = &self.catalog.0;
        let held = inner.entries.peek(&KeyRef::from(&envelope.key));
        let order = held.as_ref().map_or(Ordering::Less, |held| {
            held.position().cmp(&envelope.position)
        });
        let is_kept = match (order, &held, seen_by) {
            (Ordering::Less, ..) => false,
            (Ordering::Equal, Some(held), Some(_)) => held.is_of(envelope, &mut self.scratch),
            _ => true,
        };
        if is_kept {
            if let (Some(hydration), Some(held)) = (seen_by, &held) {
                held.mark(hydration);
            }
            self.scratch.shrink_to(SCRATCH_BYTES_MAX);
            return Applied::Older;
        }
        if held.is_none() && seen_by.is_some() && !self.takes_more() {
            return Applied::LeftOut;
        }
        self.replace(envelope, seen_by, held)
    }

    /// The same for what a local snapshot has: it counts as seen by nobody, and adds no key where a
    /// hydration would not.
    pub fn apply_local(&mut self, envelope: &Envelope) -> Applied {
        if !self.holds(&envelope.key) && !self.takes_more() {
            return Applied::LeftOut;
        }
        self.apply(envelope, None)
    }

    /// Counts this key as seen, if it is held.
    pub fn mark(&self, key: &ResourceKey, seen_by: Hydration) {
        if let Some(held) = self.catalog.0.entries.peek(&KeyRef::from(key)) {
            held.mark(seen_by);
        }
    }

    /// Whether there is an entry for this key, a tombstone or an expired one too.
    pub fn holds(&self, key: &ResourceKey) -> bool {
        let key = KeyRef::from(key);
        self.catalog.0.entries.peek(&key).is_some()
    }

    /// Puts in what was fetched because it was not held. The key counts as seen by the pass of
    /// scrubs under way.
    pub fn keep_fetched(&mut self, envelope: &Envelope, seen_by: Option<Hydration>) -> Applied {
        let key = KeyRef::from(&envelope.key);
        match self.catalog.0.entries.peek(&key) {
            Some(_) => self.apply(envelope, seen_by),
            None => self.replace(envelope, seen_by, None),
        }
    }

    /// Whether a snapshot may add keys. If not, the set is not whole.
    fn takes_more(&self) -> bool {
        let Some(bytes_max) = self.catalog.bytes_max() else {
            return true;
        };
        let partial = &self.catalog.0.partial;
        if filled_bytes_max(bytes_max) <= self.catalog.bytes() {
            partial.begin();
        }
        !partial.is_partial()
    }

    fn replace(
        &mut self,
        envelope: &Envelope,
        seen_by: Option<Hydration>,
        held: Option<Entry>,
    ) -> Applied {
        let inner = &self.catalog.0;
        let entry = Entry::of(envelope, &mut self.scratch);
        self.scratch.shrink_to(SCRATCH_BYTES_MAX);
        let applied = match &held {
            Some(held) if held.position() < envelope.position => Applied::Newer,
            Some(held) if held.is_same_document(&entry) => Applied::Recoded,
            Some(_) => Applied::Mended,
            None => Applied::Newer,
        };
        match (seen_by, &held) {
            (Some(hydration), _) => entry.mark(hydration),
            (None, Some(held)) => entry.inherit_mark(held),
            (None, None) => {}
        }
        if let Some(held) = held {
            inner.counts.remove(&held);
            self.tombstones.remove(&Tombstone(held));
        }
        inner.counts.add(&entry);
        if entry.is_tombstone() {
            self.tombstones.insert(Tombstone(entry.clone()));
        }
        inner.entries.insert(EntryKey(entry.clone()), entry);
        applied
    }

    /// Drops every entry that the hydration did not see and whose position is at or below `floor`
    /// (an older epoch's always is), and says how many. Walks through the set.
    pub fn drop_unseen(&mut self, hydration: Hydration, floor: Position) -> usize {
        let unseen: Vec<Entry> = self
            .catalog
            .0
            .entries
            .iter()
            .filter(|(_key, entry)| entry.position() <= floor && !entry.is_marked_by(hydration))
            .map(|(_key, entry)| entry)
            .collect();
        unseen
            .into_iter()
            .filter(|entry| self.remove(entry))
            .count()
    }

    /// Drops every tombstone at or below `through`, and says how many. Costs nothing for the
    /// others.
    pub fn forget_tombstones(&mut self, through: Position) -> usize {
        let mut forgotten = 0;
        while let Some(Tombstone(entry)) = self.tombstones.first()
            && entry.position() <= through
        {
            let entry = entry.clone();
            self.remove(&entry);
            forgotten += 1;
        }
        forgotten
    }

    /// Everything at or below `line` may be evicted from now on, where there is a budget: every
    /// change up to there is applied, and nothing older is on its way. Nothing may before the
    /// first call.
    pub fn settle(&mut self, line: Position) {
        self.catalog.0.partial.draw_line(line);
    }

    /// A heartbeat has told the database's time just now.
    pub fn hear_time(&mut self, database_time: Timestamp) {
        self.clock.hear(&self.catalog.0.clock, database_time);
    }

    /// Says whether the set is whole and may be served. Until the first `true`, every look-up is
    /// [`Lookup::NotReady`].
    pub fn set_ready(&mut self, is_ready: bool) {
        self.catalog
            .0
            .is_ready
            .store(is_ready, atomic::Ordering::Release);
    }

    /// Removes exactly this entry, if it is still the one held.
    fn remove(&mut self, entry: &Entry) -> bool {
        let inner = &self.catalog.0;
        self.tombstones.remove(&Tombstone(entry.clone()));
        let removed = inner
            .entries
            .remove_if(&KeyRef::from(entry.key()), |held| held.is(entry));
        if removed.is_some() {
            inner.counts.remove(entry);
        }
        removed.is_some()
    }
}
