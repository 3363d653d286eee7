//! Makes envelopes, encoded, and knows what a catalog that has applied them all holds.

use std::cell::Cell;

use bytes::Bytes;
use reader::catalog::CatalogWriter;
use shared::{
    Change, ContentCoding, EntityTag, Envelope, Epoch, Link, Position, Representation, ResourceKey,
    Sequence, Timestamp, Version,
};

/// Envelopes made at a time: those of a bucket.
const CHUNK: u64 = 512;

/// Octets of a plain document.
const PLAIN_BYTES: u64 = 370;

/// Octets of a larger document in each coding, as JSON of 4 KiB compresses.
const CODED_BYTES: [(ContentCoding, u64); 4] = [
    (ContentCoding::Identity, 4096),
    (ContentCoding::Gzip, 1500),
    (ContentCoding::Brotli, 1300),
    (ContentCoding::Zstd, 1450),
];

/// Sizes that a churning document changes between, in octets.
const VARIED_BYTES: std::ops::Range<u64> = 120..620;

const SEED: u64 = 7;

#[derive(Debug, Clone, Copy)]
pub(crate) enum Shape {
    Plain,
    Coded,
}

/// One line of changes.
pub(crate) struct Feed {
    shape: Shape,
    random: fastrand::Rng,
    changes: u64,
    applied: Cell<u64>,
    /// Octets of each document by number; 0 where it is deleted.
    held: Vec<u32>,
    source: Bytes,
}

impl Feed {
    pub(crate) fn new(shape: Shape) -> Self {
        let mut random = fastrand::Rng::with_seed(SEED);
        let source = (0..8192).map(|_| random.u8(b' '..=b'~')).collect();
        Self {
            shape,
            random,
            changes: 0,
            applied: Cell::new(0),
            held: Vec::new(),
            source,
        }
    }

    /// Documents made so far.
    pub(crate) fn documents(&self) -> u64 {
        self.held.len() as u64
    }

    pub(crate) fn changes(&self) -> u64 {
        self.changes
    }

    /// Octets of all representations that a catalog holds.
    pub(crate) fn octets(&self) -> u64 {
        self.held.iter().copied().map(u64::from).sum()
    }

    /// Envelopes made since this was asked last.
    pub(crate) fn take_applied(&self) -> u64 {
        self.changes - self.applied.replace(self.changes)
    }

    /// Up to a chunk of new documents.
    pub(crate) fn create(&mut self, count: u64) -> Vec<Bytes> {
        let lengths: Vec<_> = match self.shape {
            Shape::Plain => vec![(ContentCoding::Identity, PLAIN_BYTES)],
            Shape::Coded => CODED_BYTES.to_vec(),
        };
        (0..count.min(CHUNK))
            .map(|_| self.put(self.held.len(), &lengths))
            .collect()
    }

    /// A chunk of new documents, each of another size.
    pub(crate) fn create_varied(&mut self) -> Vec<Bytes> {
        (0..CHUNK)
            .map(|_| self.put_varied(self.held.len()))
            .collect()
    }

    /// A chunk of changes: of 100, 5 delete, 5 create, the others replace, and bring deleted ones
    /// back where they meet them.
    pub(crate) fn churn(&mut self) -> Vec<Bytes> {
        (0..CHUNK)
            .map(|_| {
                let number = self.random.usize(..self.held.len());
                match self.random.u8(..100) {
                    0..5 => self.delete(number),
                    5..10 => self.put_varied(self.held.len()),
                    _ => self.put_varied(number),
                }
            })
            .collect()
    }

    /// Forgets the tombstones that have `kept` changes after them.
    pub(crate) fn forget(&self, writer: &mut CatalogWriter, kept: u64) {
        writer.forget_tombstones(position(self.changes.saturating_sub(kept)));
    }

    fn put_varied(&mut self, number: usize) -> Bytes {
        let length = self.random.u64(VARIED_BYTES);
        self.put(number, &[(ContentCoding::Identity, length)])
    }

    fn put(&mut self, number: usize, lengths: &[(ContentCoding, u64)]) -> Bytes {
        let mut total = 0;
        let representations = lengths.iter().map(|&(coding, length)| {
            total += length;
            let length = usize::try_from(length).unwrap_or_default();
            let start = self.random.usize(..=self.source.len() - length);
            Representation {
                coding,
                tag: EntityTag(self.random.u128(..).to_le_bytes()),
                octets: self.source.slice(start..start + length),
            }
        });
        let change = Change::Put(representations.collect());
        self.hold(number, u32::try_from(total).unwrap_or_default());
        self.envelope(number, change)
    }

    fn delete(&mut self, number: usize) -> Bytes {
        self.hold(number, 0);
        self.envelope(number, Change::Delete)
    }

    fn hold(&mut self, number: usize, octets: u32) {
        if number == self.held.len() {
            self.held.push(octets);
        } else {
            self.held[number] = octets;
        }
    }

    fn envelope(&mut self, number: usize, change: Change) -> Bytes {
        self.changes += 1;
        let envelope = Envelope {
            position: position(self.changes),
            prev_link: Link(self.changes - 1),
            link: Link(self.changes),
            version: Version(1 + self.changes / 1_000_000),
            updated_at: Timestamp(0),
            expires_at: None,
            key: key(number),
            change,
            extensions: Vec::new(),
        };
        shared::codec::encode(&envelope).expect("within every limit")
    }
}

/// The key of a document by its number.
pub(crate) fn key(number: usize) -> ResourceKey {
    ResourceKey::parse("posts", &format!("post-{number:07}")).expect("a valid id")
}

fn position(sequence: u64) -> Position {
    Position::new(Epoch(1_790_856_000_000_000), Sequence(sequence))
}
