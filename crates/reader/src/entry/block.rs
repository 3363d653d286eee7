//! How an entry's block is written, and where in it what lies.

use std::io::Write;

use shared::{
    Change, ContentCoding, Envelope, Representation, Timestamp, Version, entity_tag::TAG_BYTES,
};

/// A row of a table of several representations: entity tag, coding, length of the octets.
pub(super) const ROW_BYTES: usize = TAG_BYTES + 1 + size_of::<u32>();

/// The row of an identity representation that is the only one: its entity tag. All octets after it
/// are its own.
pub(super) const PLAIN_ROW_BYTES: usize = TAG_BYTES;

/// Octets before an expiry's text: the instant and the text's length.
const EXPIRY_HEAD_BYTES: usize = size_of::<i64>() + 1;

/// Where things are. Meaningless without the block it was written with.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Layout {
    // Invariant: both end within the block, and block[collection_len] is b'/'.
    key_len: u16,
    collection_len: u8,
    shape: Shape,
}

/// Bits 0 to 3: rows, or [`Shape::PLAIN`]; 4 to 6: octets of the version; 7: whether it expires.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct Shape(u8);

impl Shape {
    /// Instead of a number of rows, which is at most `REPRESENTATIONS_MAX`.
    const PLAIN: u8 = 15;

    #[inline]
    fn rows(self) -> u8 {
        self.0 & 15
    }

    #[inline]
    fn version_len(self) -> usize {
        usize::from(self.0 >> 4 & 7)
    }

    #[inline]
    fn expires(self) -> bool {
        self.0 >> 7 == 1
    }
}

/// Appends the block of an envelope's state.
pub(super) fn write(envelope: &Envelope, block: &mut Vec<u8>) -> Layout {
    let representations = match &envelope.change {
        Change::Put(representations) => representations.as_slice(),
        Change::Delete => &[],
    };
    let key = envelope.key.as_str();
    block.extend_from_slice(key.as_bytes());
    let version = envelope.version.0.to_le_bytes();
    // NUMBER_MAX has 53 bits, so 7 octets hold every version.
    let version_len = version.iter().rposition(|&octet| octet != 0);
    let version_len = version_len.map_or(0, |last| (last + 1).min(7));
    block.extend_from_slice(&version[..version_len]);
    if let Some(at) = envelope.expires_at {
        write_expiry(at, block);
    }
    let rows = match representations {
        [one] if one.coding == ContentCoding::Identity => {
            block.extend_from_slice(&one.tag.0);
            Shape::PLAIN
        }
        several => write_rows(several, block),
    };
    for one in representations {
        block.extend_from_slice(&one.octets);
    }
    let version_bits = u8::try_from(version_len).unwrap_or_default() << 4;
    let expiry_bit = u8::from(envelope.expires_at.is_some()) << 7;
    Layout {
        // ResourceKey holds keys to 321 octets and collections to 64.
        key_len: u16::try_from(key.len()).unwrap_or(u16::MAX),
        collection_len: u8::try_from(envelope.key.collection().len()).unwrap_or(u8::MAX),
        shape: Shape(rows | version_bits | expiry_bit),
    }
}

fn write_expiry(at: Timestamp, block: &mut Vec<u8>) {
    block.extend_from_slice(&at.0.to_le_bytes());
    let len_at = block.len();
    block.push(0);
    // A vector takes everything.
    drop(write!(block, "{at}"));
    block[len_at] = u8::try_from(block.len() - len_at - 1).unwrap_or_default();
}

fn write_rows(representations: &[Representation], block: &mut Vec<u8>) -> u8 {
    for one in representations {
        block.extend_from_slice(&one.tag.0);
        block.push(one.coding as u8);
        // An envelope has 4 MiB at most.
        let len = u32::try_from(one.octets.len()).unwrap_or(u32::MAX);
        block.extend_from_slice(&len.to_le_bytes());
    }
    // The codec lets 8 pass, and there are 4 codings.
    u8::try_from(representations.len()).unwrap_or_default()
}

impl Layout {
    #[inline]
    pub(super) fn is_tombstone(self) -> bool {
        self.shape.rows() == 0
    }

    pub(super) fn key(self, block: &[u8]) -> &[u8] {
        &block[..self.key_len()]
    }

    #[inline]
    pub(super) fn collection_and_id(self, block: &[u8]) -> (&[u8], &[u8]) {
        let key = self.key(block);
        let collection_len = usize::from(self.collection_len);
        (&key[..collection_len], &key[collection_len + 1..])
    }

    #[inline]
    pub(super) fn version(self, block: &[u8]) -> Version {
        let octets = &block[self.key_len()..][..self.shape.version_len()];
        let shifted = |number, &octet: &u8| number << 8 | u64::from(octet);
        Version(octets.iter().rev().fold(0, shifted))
    }

    /// The instant and its text.
    #[inline]
    pub(super) fn expiry(self, block: &[u8]) -> Option<(Timestamp, &[u8])> {
        if !self.shape.expires() {
            return None;
        }
        let (at, rest) = block[self.expiry_start()..].split_first_chunk()?;
        let (&len, rest) = rest.split_first()?;
        let text = rest.get(..usize::from(len))?;
        Some((Timestamp(i64::from_le_bytes(*at)), text))
    }

    /// The rows, then where the octets of all begin.
    #[inline]
    pub(super) fn rows(self, block: &[u8]) -> (&[u8], usize) {
        let rows_len = match self.shape.rows() {
            Shape::PLAIN => PLAIN_ROW_BYTES,
            several => usize::from(several) * ROW_BYTES,
        };
        let start = self.expiry_start() + self.expiry_len(block);
        let end = start + rows_len;
        (&block[start..end], end)
    }

    fn key_len(self) -> usize {
        usize::from(self.key_len)
    }

    fn expiry_start(self) -> usize {
        self.key_len() + self.shape.version_len()
    }

    fn expiry_len(self, block: &[u8]) -> usize {
        self.expiry(block)
            .map_or(0, |(_at, text)| EXPIRY_HEAD_BYTES + text.len())
    }
}
