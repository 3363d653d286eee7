//! The representations of an entry, ready to send.

use std::ops::Range;

use shared::{ContentCoding, EntityTag, entity_tag::TAG_BYTES};

use super::{
    Entry,
    block::{PLAIN_ROW_BYTES, ROW_BYTES},
};

/// Iterates over an entry's representations, identity first. Allocates nothing.
#[derive(Debug, Clone)]
pub struct Representations<'a> {
    entry: &'a Entry,
    rows: &'a [u8],
    /// Where in the block the next one's octets begin.
    start: usize,
}

/// One representation of an entry. Borrows it and copies nothing.
#[derive(Debug, Clone, Copy)]
pub struct Prepared<'a> {
    coding: ContentCoding,
    tag: &'a [u8; TAG_BYTES],
    start: usize,
    octets: &'a [u8],
}

/// The octets of one representation, for as long as they are needed: it keeps its entry, whatever
/// the catalog holds meanwhile. Making it counts, no more.
#[derive(Debug, Clone)]
pub struct Content {
    entry: Entry,
    range: Range<usize>,
}

impl<'a> Representations<'a> {
    #[inline]
    pub(super) fn of(entry: &'a Entry) -> Self {
        let (rows, start) = entry.layout().rows(entry.block());
        Self { entry, rows, start }
    }
}

impl Representations<'_> {
    /// Whether identity is all there is.
    #[inline]
    pub(crate) fn is_single(&self) -> bool {
        self.rows.len() == PLAIN_ROW_BYTES
    }
}

impl<'a> Iterator for Representations<'a> {
    type Item = Prepared<'a>;

    #[inline]
    fn next(&mut self) -> Option<Prepared<'a>> {
        let (tag, rest) = self.rows.split_first_chunk()?;
        let octets = &self.entry.block()[self.start..];
        // No number of full rows is as long as a plain one.
        let (coding, octets) = if self.is_single() {
            self.rows = rest;
            (ContentCoding::Identity, octets)
        } else {
            let (&[coding, a, b, c, d], rest) = rest.split_first_chunk()?;
            self.rows = rest;
            let len = u32::from_le_bytes([a, b, c, d]) as usize;
            (ContentCoding::from_wire(coding)?, &octets[..len])
        };
        let start = self.start;
        self.start += octets.len();
        Some(Prepared {
            coding,
            tag,
            start,
            octets,
        })
    }
}

const _: () = assert!(!PLAIN_ROW_BYTES.is_multiple_of(ROW_BYTES));

impl<'a> Prepared<'a> {
    /// How the octets are coded.
    pub fn coding(self) -> ContentCoding {
        self.coding
    }

    /// How many octets there are.
    pub fn octets_len(self) -> usize {
        self.octets.len()
    }

    /// The content of an answer.
    pub fn octets(self) -> &'a [u8] {
        self.octets
    }

    /// Where in the block they are.
    #[inline]
    pub(crate) fn range(self) -> Range<usize> {
        self.start..self.start + self.octets.len()
    }

    /// The entity tag.
    #[inline]
    pub fn tag(self) -> EntityTag {
        EntityTag(*self.tag)
    }
}

impl Content {
    /// The octets of `entry` that have this [`Prepared::range`].
    #[inline]
    pub(crate) fn new(entry: Entry, range: Range<usize>) -> Self {
        Self { entry, range }
    }

    /// How many octets there are. Reads none of the entry.
    #[inline]
    pub(crate) fn octets_len(&self) -> usize {
        self.range.len()
    }

    /// Whose they are.
    pub fn entry(&self) -> &Entry {
        &self.entry
    }
}

impl AsRef<[u8]> for Content {
    #[inline]
    fn as_ref(&self) -> &[u8] {
        &self.entry.block()[self.range.clone()]
    }
}
