//! The first octets of the file.

use bytes::{Buf, BufMut};
use shared::{Epoch, Link, Position, Sequence, Timestamp};
use xxhash_rust::xxh3::xxh3_64;

use super::LocalError;
use crate::replica::Tip;

/// The format that this version writes, and the newest that it reads.
pub(super) const FORMAT: u8 = 1;

/// Octets of the header.
pub(super) const HEADER_BYTES: usize = 72;

const MAGIC: [u8; 4] = *b"PRSL";
const CHECKSUM_OFFSET: usize = HEADER_BYTES - 8;

/// A time that is not known.
const UNKNOWN: i64 = i64::MIN;

/// What a local snapshot says of itself.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Header {
    /// See [`super::origin_of`].
    pub(crate) origin: u64,
    /// Everything up to it is in the file.
    pub(crate) tip: Tip,
    /// The database's time at `taken_at`, if it was known.
    pub(crate) database_time: Option<Timestamp>,
    /// When the writing began, by the wall clock.
    pub(crate) taken_at: Timestamp,
    /// Everything committed before it is in the file, by the wall clock, if that was ever known.
    pub(crate) confirmed_at: Option<Timestamp>,
}

impl Header {
    pub(super) fn encode(&self) -> [u8; HEADER_BYTES] {
        let mut octets = [0; HEADER_BYTES];
        let mut rest = &mut octets[..];
        rest.put_slice(&MAGIC);
        rest.put_u8(FORMAT);
        rest.put_bytes(0, 3);
        rest.put_u64(self.origin);
        rest.put_u64(self.tip.position.epoch.0);
        rest.put_u64(self.tip.position.sequence.0);
        rest.put_u64(self.tip.link.0);
        rest.put_i64(self.database_time.map_or(UNKNOWN, |at| at.0));
        rest.put_i64(self.taken_at.0);
        rest.put_i64(self.confirmed_at.map_or(UNKNOWN, |at| at.0));
        let checksum = xxh3_64(&octets[..CHECKSUM_OFFSET]);
        octets[CHECKSUM_OFFSET..].copy_from_slice(&checksum.to_be_bytes());
        octets
    }

    /// A later format may have another length: so its number is judged before the checksum.
    pub(super) fn decode(octets: &[u8; HEADER_BYTES]) -> Result<Self, LocalError> {
        let (mut fields, mut checksum) = octets.split_at(CHECKSUM_OFFSET);
        let computed = xxh3_64(fields);
        if !fields.starts_with(&MAGIC) {
            return Err(LocalError::Foreign);
        }
        fields.advance(MAGIC.len());
        let format = fields.get_u8();
        if format > FORMAT {
            return Err(LocalError::Format(format));
        }
        if computed != checksum.get_u64() {
            return Err(LocalError::Header);
        }
        fields.advance(3);
        let origin = fields.get_u64();
        let position = Position::new(Epoch(fields.get_u64()), Sequence(fields.get_u64()));
        let link = Link(fields.get_u64());
        Ok(Self {
            origin,
            tip: Tip { position, link },
            database_time: known(fields.get_i64()),
            taken_at: Timestamp(fields.get_i64()),
            confirmed_at: known(fields.get_i64()),
        })
    }
}

fn known(micros: i64) -> Option<Timestamp> {
    (micros != UNKNOWN).then_some(Timestamp(micros))
}
