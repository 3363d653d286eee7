//! The writing end: what is put in, and what is taken out.

use std::{cmp::Ordering, collections::BTreeSet, sync::atomic};

use shared::{Envelope, Position, ResourceKey, Timestamp};

use super::{
    Catalog, KeyRef, clock::Setter, key::EntryKey, size::filled_bytes_max, tombstone::Tombstone,
};
use crate::entry::{Entry, Hydration};

/// What is kept of the buffer in which entries are put together, in octets. A larger one is given
/// back at once.
const SCRATCH_BYTES_MAX: usize = 64 * 1024;

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
    /// [`Lookup::Unknown`](super::Lookup::Unknown).
    LeftOut,
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
    /// Of a catalog that is empty.
    pub(super) fn new(catalog: Catalog) -> Self {
        Self {
            catalog,
            clock: Setter::default(),
            tombstones: BTreeSet::new(),
            scratch: Vec::new(),
        }
    }

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
    /// What a hydration has seen adds no key to a set that is not whole, or that it has filled. A
    /// local snapshot is read as one.
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

    /// By this machine's wall clock it may be this time in the database. Counts until a heartbeat has
    /// told.
    pub fn guess_time(&mut self, database_time: Timestamp) {
        self.clock.guess(&self.catalog.0.clock, database_time);
    }

    /// A heartbeat has told the database's time just now.
    pub fn hear_time(&mut self, database_time: Timestamp) {
        self.clock.hear(&self.catalog.0.clock, database_time);
    }

    /// Says whether the set is whole and may be served. Until the first `true`, every look-up is
    /// [`Lookup::NotReady`](super::Lookup::NotReady).
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
