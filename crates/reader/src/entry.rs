//! One prepared document: everything an answer needs, made once, when its envelope is applied.
//!
//! An entry is one allocation, and a handle to it is one pointer:
//!
//! ```text
//! count 8 | position 16 | mark 4 | key's length 2 | collection's length 1 | shape 1 | length 8 |
//! collection/id | version 0 to 7 | expiry: instant 8, length 1, text, if any |
//! a row for each representation: entity tag 16; unless identity is all: coding 1, length 4 |
//! octets of each
//! ```
//!
//! So a read that has the handle reads on in one direction: one or two cache lines, then the
//! octets. What a few instructions compute is not kept: digits and the text of an entity tag. The
//! text of an expiry would take hundreds, so those few documents that have one keep it.
//!
//! # Bytes per entry
//!
//! 40 before the key, 38 to 75 for its place in the cache; then the key, 1 octet of version (2 from
//! 256 on), 29 or 36 for an expiry, and for each representation 16, or 21 where there are several,
//! and its octets. [`Entry::bytes`] sums these; what an allocator rounds up to is not among them.
//!
//! # Budget
//!
//! A handle is cloned by one count. What [`Entry`] and [`Prepared`] give borrows from the entry and
//! allocates nothing, nor does [`Content`].

mod block;
mod prepared;

use std::{
    fmt,
    sync::atomic::{AtomicU32, Ordering},
};

use shared::{Envelope, Position, Timestamp, Version};
use triomphe::ThinArc;

use self::block::Layout;
pub use self::prepared::{Content, Prepared, Representations};

/// Numbers an attempt to hydrate.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Hydration(pub u32);

/// What an entry costs beside its block, in octets: what stands before the block, and an average
/// place in the cache.
const FIXED_BYTES: usize = 2 * size_of::<usize>() + size_of::<Header>() + PLACE_BYTES;

/// A slot of 32 octets in tables that are 70 % full on average as they double, and 5 in their
/// index, which is 63 % full.
const PLACE_BYTES: usize = 54;

/// One document's current state, or the tombstone of a deleted one. Cloning it copies a pointer
/// and counts.
#[derive(Clone)]
pub struct Entry(ThinArc<Header, u8>);

/// What stands before the block.
struct Header {
    position: Position,
    /// 0: no hydration; else its number + 1.
    seen_by: AtomicU32,
    layout: Layout,
}

impl Entry {
    /// Prepares an envelope. Copies its octets, and allocates once; `scratch` is a buffer to be
    /// used again, whatever it holds.
    pub fn of(envelope: &Envelope, scratch: &mut Vec<u8>) -> Self {
        scratch.clear();
        let layout = block::write(envelope, scratch);
        let header = Header {
            position: envelope.position,
            seen_by: AtomicU32::new(0),
            layout,
        };
        Self(ThinArc::from_header_and_slice(header, scratch))
    }

    /// Whether preparing this envelope would give the same octets. Prepares it, in `scratch`, and
    /// compares them all.
    pub(crate) fn is_of(&self, envelope: &Envelope, scratch: &mut Vec<u8>) -> bool {
        scratch.clear();
        let layout = block::write(envelope, scratch);
        self.position() == envelope.position
            && self.layout() == layout
            && self.block() == scratch.as_slice()
    }

    /// Whether both have one version, expiry and body, in whatever codings.
    pub(crate) fn is_same_document(&self, other: &Self) -> bool {
        let (one, another) = (
            self.representations().next(),
            other.representations().next(),
        );
        let tags = (one.map(Prepared::tag), another.map(Prepared::tag));
        let octets = (one.map(Prepared::octets), another.map(Prepared::octets));
        let same_body = tags.0 == tags.1 && octets.0 == octets.1;
        same_body && self.version() == other.version() && self.expires_at() == other.expires_at()
    }

    /// When in the database's history the document took this state.
    pub fn position(&self) -> Position {
        self.header().position
    }

    /// The document's version.
    #[inline]
    pub fn version(&self) -> Version {
        self.layout().version(self.block())
    }

    /// When the document ends to be served, in database time, if it does.
    #[inline]
    pub fn expires_at(&self) -> Option<Timestamp> {
        self.layout().expiry(self.block()).map(|(at, _text)| at)
    }

    /// [`Self::expires_at`] as RFC 3339 has it.
    pub fn expiry_text(&self) -> Option<&[u8]> {
        self.layout().expiry(self.block()).map(|(_at, text)| text)
    }

    /// Whether the document was deleted.
    #[inline]
    pub fn is_tombstone(&self) -> bool {
        self.layout().is_tombstone()
    }

    /// `collection/id`. Costs a check that it is UTF-8.
    pub fn key(&self) -> &str {
        str::from_utf8(self.layout().key(self.block())).unwrap_or_default()
    }

    /// The octets of collection and id.
    #[inline]
    pub(crate) fn key_octets(&self) -> (&[u8], &[u8]) {
        self.layout().collection_and_id(self.block())
    }

    /// What this entry costs in memory, in octets, as documented above.
    pub fn bytes(&self) -> usize {
        FIXED_BYTES + self.block().len()
    }

    /// The prepared representations, identity first; none for a tombstone.
    #[inline]
    pub fn representations(&self) -> Representations<'_> {
        Representations::of(self)
    }

    /// Notes that a hydration met this document's key.
    pub(crate) fn mark(&self, hydration: Hydration) {
        let mark = hydration.0.saturating_add(1);
        self.header().seen_by.store(mark, Ordering::Relaxed);
    }

    /// Takes over the mark of the entry that this one replaces: the key was met all the same.
    pub(crate) fn inherit_mark(&self, replaced: &Self) {
        let mark = replaced.header().seen_by.load(Ordering::Relaxed);
        self.header().seen_by.store(mark, Ordering::Relaxed);
    }

    /// Whether this hydration met this document's key.
    pub(crate) fn is_marked_by(&self, hydration: Hydration) -> bool {
        self.header().seen_by.load(Ordering::Relaxed) == hydration.0.saturating_add(1)
    }

    /// Whether both are handles to one entry.
    pub(crate) fn is(&self, other: &Self) -> bool {
        self.0.as_ptr() == other.0.as_ptr()
    }

    #[inline]
    fn header(&self) -> &Header {
        &self.0.header.header
    }

    #[inline]
    fn layout(&self) -> Layout {
        self.header().layout
    }

    #[inline]
    fn block(&self) -> &[u8] {
        &self.0.slice
    }
}

impl fmt::Debug for Entry {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Entry")
            .field("key", &self.key())
            .field("position", &self.position())
            .field("is_tombstone", &self.is_tombstone())
            .finish_non_exhaustive()
    }
}
