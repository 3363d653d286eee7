//! One prepared document: everything an answer needs, made once, when its envelope is applied.
//!
//! An entry owns one exact-size *block* and slices of it are what answers send:
//!
//! ```text
//! collection/id | version | expiry, if any | per representation: entity tag 34, content length | octets of each
//! ```
//!
//! The block is a copy, so an entry never keeps a frame or a receive buffer alive, whoever
//! decoded it. Header fields lie ready in it as text, next to each other: a read touches the
//! entry, one or two cache lines of the block's beginning, and the octets.
//!
//! # Bytes per entry
//!
//! 128 for the entry with its counters, 24 for the block's shared count, 37 to 75 for its place in
//! the cache; the block: key + 1 to 16 digits of the version + 20 or 27 for an expiry, then per representation its octets,
//! 34 for the tag and 1 to 7 digits of the length; with more than one representation, 16 more for
//! each. [`Entry::bytes`] sums these.
//!
//! # Budget
//!
//! Reading a field is a reference count and, for a header, a check of at most 34 octets. Nothing is
//! allocated or formatted after [`Entry::of`]; `tests/serve.rs` counts.

use std::{
    ops::Range,
    slice,
    sync::atomic::{AtomicU64, Ordering},
};

use bytes::Bytes;
use http::HeaderValue;
use shared::{
    Change, ContentCoding, Envelope, Position, Representation, Timestamp, Version,
    entity_tag::TAG_FIELD_BYTES,
};

/// Numbers an attempt to hydrate.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Hydration(pub u32);

/// What an entry costs beyond its block and its table of representations, in octets: itself and
/// its two counters, the block's shared count, and an average place in the cache.
const FIXED_BYTES: usize = size_of::<Entry>() + 16 + 24 + 56;

/// One document's current state, or the tombstone of a deleted one.
#[derive(Debug)]
pub struct Entry {
    block: Bytes,
    position: Position,
    version: Version,
    expires_at: Option<Timestamp>,
    content: Content,
    /// 0: no hydration; else its number + 1.
    seen_by: AtomicU64,
    // Invariant: all end within the block, and block[collection_len] is b'/'.
    key_len: u16,
    collection_len: u8,
    version_len: u8,
    expiry_len: u8,
}

#[derive(Debug)]
enum Content {
    Tombstone,
    /// Most documents: too small to be worth coding, so their table needs no allocation.
    Plain(Part),
    Coded(Box<[Part]>),
}

/// Where one representation lies in the block.
#[derive(Debug, Clone, Copy)]
struct Part {
    coding: ContentCoding,
    length_len: u8,
    /// The entity tag's field, then the content length's digits.
    fields_start: u32,
    octets_start: u32,
    octets_len: u32,
}

impl Entry {
    /// Prepares an envelope. Copies its octets once; costs two to five allocations.
    pub fn of(envelope: &Envelope) -> Self {
        let representations = match &envelope.change {
            Change::Put(representations) => representations.as_slice(),
            Change::Delete => &[],
        };
        let key = envelope.key.as_str();
        let version = envelope.version.0.to_string();
        let expiry = envelope.expires_at.map(|at| at.to_string());
        let expiry = expiry.unwrap_or_default();
        let before = key.len() + version.len() + expiry.len();
        let mut block = Vec::with_capacity(before + representations_len(representations));
        for text in [key, &version, &expiry] {
            block.extend_from_slice(text.as_bytes());
        }
        let mut parts: Vec<Part> = representations
            .iter()
            .map(|one| put_fields(&mut block, one))
            .collect();
        for (part, one) in parts.iter_mut().zip(representations) {
            part.octets_start = offset(block.len());
            block.extend_from_slice(&one.octets);
        }
        debug_assert_eq!(
            block.len(),
            block.capacity(),
            "the block has its exact size"
        );
        let block = Bytes::from(block);
        // The first clone makes the count that all clones share: made here, not by a read.
        drop(block.clone());
        Self {
            block,
            position: envelope.position,
            version: envelope.version,
            expires_at: envelope.expires_at,
            content: match parts.as_slice() {
                [] => Content::Tombstone,
                [one] => Content::Plain(*one),
                _ => Content::Coded(parts.into_boxed_slice()),
            },
            seen_by: AtomicU64::new(0),
            // ResourceKey holds keys to 321 octets and collections to 64.
            key_len: u16::try_from(key.len()).unwrap_or(u16::MAX),
            collection_len: u8::try_from(envelope.key.collection().len()).unwrap_or(u8::MAX),
            version_len: u8::try_from(version.len()).unwrap_or(u8::MAX),
            expiry_len: u8::try_from(expiry.len()).unwrap_or(u8::MAX),
        }
    }

    /// When in the database's history the document took this state.
    pub fn position(&self) -> Position {
        self.position
    }

    /// The document's version.
    pub fn version(&self) -> Version {
        self.version
    }

    /// When the document ends to be served, in database time, if it does.
    pub fn expires_at(&self) -> Option<Timestamp> {
        self.expires_at
    }

    /// Whether the document was deleted.
    pub fn is_tombstone(&self) -> bool {
        matches!(self.content, Content::Tombstone)
    }

    /// `collection/id`. Costs a check that it is UTF-8.
    pub fn key(&self) -> &str {
        str::from_utf8(&self.block[..usize::from(self.key_len)]).unwrap_or_default()
    }

    /// The octets of collection and id.
    pub(crate) fn key_octets(&self) -> (&[u8], &[u8]) {
        let collection_len = usize::from(self.collection_len);
        let key = &self.block[..usize::from(self.key_len)];
        (&key[..collection_len], &key[collection_len + 1..])
    }

    /// What this entry costs in memory, in octets, as documented above.
    pub fn bytes(&self) -> usize {
        let table = match &self.content {
            Content::Coded(parts) => size_of_val::<[Part]>(parts),
            Content::Plain(_) | Content::Tombstone => 0,
        };
        FIXED_BYTES + self.block.len() + table
    }

    /// The prepared representations, identity first; none for a tombstone.
    pub fn representations(&self) -> impl Iterator<Item = Prepared<'_>> + Clone {
        let parts = match &self.content {
            Content::Tombstone => &[],
            Content::Plain(part) => slice::from_ref(part),
            Content::Coded(parts) => parts,
        };
        parts.iter().map(|part| Prepared { entry: self, part })
    }

    /// One of [`Self::representations`].
    ///
    /// # Panics
    /// There are not so many.
    pub(crate) fn representation(&self, index: usize) -> Prepared<'_> {
        let part = match &self.content {
            Content::Plain(part) if index == 0 => part,
            Content::Coded(parts) => &parts[index],
            Content::Plain(_) | Content::Tombstone => {
                unreachable!("index {index} is that of a representation")
            }
        };
        Prepared { entry: self, part }
    }

    /// The value of `Pressrun-Document-Version`.
    pub fn version_field(&self) -> HeaderValue {
        let start = usize::from(self.key_len);
        self.field(start..start + usize::from(self.version_len))
    }

    /// When the document expires as a header field writes it; empty where it does not.
    pub(crate) fn expiry_text(&self) -> &[u8] {
        let start = usize::from(self.key_len) + usize::from(self.version_len);
        &self.block[start..start + usize::from(self.expiry_len)]
    }

    /// The value of `Pressrun-Expires-At`, if the document expires.
    pub fn expiry_field(&self) -> Option<HeaderValue> {
        let start = usize::from(self.key_len) + usize::from(self.version_len);
        let range = start..start + usize::from(self.expiry_len);
        (!range.is_empty()).then(|| self.field(range))
    }

    /// Notes that a hydration met this document's key.
    pub(crate) fn mark(&self, hydration: Hydration) {
        self.seen_by
            .store(u64::from(hydration.0) + 1, Ordering::Relaxed);
    }

    /// Takes over the mark of the entry that this one replaces: the key was met all the same.
    pub(crate) fn inherit_mark(&self, replaced: &Self) {
        self.seen_by
            .store(replaced.seen_by.load(Ordering::Relaxed), Ordering::Relaxed);
    }

    /// Whether this hydration met this document's key.
    pub(crate) fn is_marked_by(&self, hydration: Hydration) -> bool {
        self.seen_by.load(Ordering::Relaxed) == u64::from(hydration.0) + 1
    }

    /// A header value that lies ready in the block.
    fn field(&self, range: Range<usize>) -> HeaderValue {
        // Quotes, digits and instants only, as `of` wrote them, so never refused.
        HeaderValue::from_maybe_shared(self.block.slice(range))
            .unwrap_or_else(|_invalid| HeaderValue::from_static(""))
    }
}

/// One representation of an entry, ready to send. Borrows it and copies nothing.
#[derive(Debug, Clone, Copy)]
pub struct Prepared<'a> {
    entry: &'a Entry,
    part: &'a Part,
}

impl<'a> Prepared<'a> {
    /// How the octets are coded.
    pub fn coding(self) -> ContentCoding {
        self.part.coding
    }

    /// How many octets there are.
    pub fn octets_len(self) -> usize {
        self.part.octets_len as usize
    }

    /// The content of an answer. A reference count, whatever the length.
    pub fn octets(self) -> Bytes {
        let start = self.part.octets_start as usize;
        self.entry.block.slice(start..start + self.octets_len())
    }

    /// The content of an answer, where it lies.
    pub(crate) fn octets_slice(self) -> &'a [u8] {
        let start = self.part.octets_start as usize;
        &self.entry.block[start..start + self.octets_len()]
    }

    /// The entity tag between its quotes, to compare with.
    pub fn opaque_tag(self) -> &'a [u8] {
        let start = self.part.fields_start as usize;
        &self.entry.block[start + 1..start + TAG_FIELD_BYTES - 1]
    }

    /// The value of ETag.
    pub fn etag_field(self) -> HeaderValue {
        let start = self.part.fields_start as usize;
        self.entry.field(start..start + TAG_FIELD_BYTES)
    }

    /// The value of Content-Length.
    pub fn length_field(self) -> HeaderValue {
        let start = self.part.fields_start as usize + TAG_FIELD_BYTES;
        self.entry
            .field(start..start + usize::from(self.part.length_len))
    }
}

fn representations_len(representations: &[Representation]) -> usize {
    representations
        .iter()
        .map(|one| TAG_FIELD_BYTES + digits(one.octets.len()) + one.octets.len())
        .sum()
}

/// Appends a representation's header fields; its octets follow those of all.
fn put_fields(block: &mut Vec<u8>, one: &Representation) -> Part {
    let fields_start = offset(block.len());
    let length = one.octets.len().to_string();
    block.extend_from_slice(&one.tag.to_field());
    block.extend_from_slice(length.as_bytes());
    Part {
        coding: one.coding,
        length_len: u8::try_from(length.len()).unwrap_or(u8::MAX),
        fields_start,
        octets_start: 0,
        octets_len: offset(one.octets.len()),
    }
}

fn digits(number: usize) -> usize {
    number.checked_ilog10().map_or(1, |log| log as usize + 1)
}

/// Blocks stay near the 4 MiB that one envelope may have, so offsets fit.
fn offset(position: usize) -> u32 {
    debug_assert!(u32::try_from(position).is_ok(), "the block is below 4 GiB");
    u32::try_from(position).unwrap_or(u32::MAX)
}
