//! Streams of frames over HTTP: how a writer's internal plane answers.
//!
//! Each frame is preceded by its length (4 octets). The first is a heartbeat: where the database
//! stood before anything else was read. Then come the items: deliveries in a page of the feed,
//! envelopes in a snapshot. The last is a trailer that counts them; a stream without it was cut.
//!
//! Trailer: magic 4 | format 1 | zero 3 | epoch 8 | items 8 | checksum 8.

use bytes::{Buf, BufMut};
use xxhash_rust::xxh3::xxh3_64;

use super::{DecodeError, SLOT_BYTES, layout::FORMAT};
use crate::{Epoch, limits::ENVELOPE_BYTES_MAX};

const MAGIC: [u8; 4] = *b"PRST";

/// Octets of the length before each frame.
pub const LENGTH_BYTES: usize = 4;

/// Octets of a trailer.
pub const TRAILER_BYTES: usize = 32;

/// Upper bound on one frame of a stream, in octets: a delivery with the largest envelope. A longer
/// length means that the stream is damaged.
pub const FRAME_BYTES_MAX: usize = SLOT_BYTES + ENVELOPE_BYTES_MAX;

const CHECKSUM_OFFSET: usize = TRAILER_BYTES - 8;

/// The last frame of a stream.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Trailer {
    /// The epoch that all items are of.
    pub epoch: Epoch,
    /// How many items there were between the heartbeat and this.
    pub items: u64,
}

/// The length that precedes a frame of `len` octets, at most [`FRAME_BYTES_MAX`].
pub fn encode_length(len: usize) -> [u8; LENGTH_BYTES] {
    debug_assert!(len <= FRAME_BYTES_MAX, "no frame is longer");
    u32::try_from(len).unwrap_or(u32::MAX).to_be_bytes()
}

/// A whole trailer.
pub fn encode_trailer(trailer: &Trailer) -> [u8; TRAILER_BYTES] {
    let mut frame = [0; TRAILER_BYTES];
    let mut rest = &mut frame[..];
    rest.put_slice(&MAGIC);
    rest.put_u8(FORMAT);
    rest.put_bytes(0, 3);
    rest.put_u64(trailer.epoch.0);
    rest.put_u64(trailer.items);
    let checksum = xxh3_64(&frame[..CHECKSUM_OFFSET]);
    frame[CHECKSUM_OFFSET..].copy_from_slice(&checksum.to_be_bytes());
    frame
}

/// Whether a frame is a trailer, whole or not: the other frames begin otherwise.
pub fn is_trailer(frame: &[u8]) -> bool {
    frame.starts_with(&MAGIC)
}

/// Decodes a trailer.
///
/// # Errors
/// The octets are not a trailer of a known format.
pub fn decode_trailer(frame: &[u8]) -> Result<Trailer, DecodeError> {
    if !is_trailer(frame) {
        return Err(DecodeError::Magic);
    }
    match frame.len() {
        0..TRAILER_BYTES => return Err(DecodeError::Truncated),
        TRAILER_BYTES => {}
        _ => return Err(DecodeError::Trailing),
    }
    let (mut fields, mut checksum) = frame.split_at(CHECKSUM_OFFSET);
    if xxh3_64(fields) != checksum.get_u64() {
        return Err(DecodeError::BodyChecksum);
    }
    fields.advance(MAGIC.len());
    let format = fields.get_u8();
    if format > FORMAT {
        return Err(DecodeError::Format(format));
    }
    if format == 0 {
        return Err(DecodeError::Invalid("format"));
    }
    fields.advance(3);
    Ok(Trailer {
        epoch: Epoch(fields.get_u64()),
        items: fields.get_u64(),
    })
}
