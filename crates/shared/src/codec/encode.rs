//! Envelope to octets.

use bytes::{BufMut, Bytes, BytesMut};
use xxhash_rust::xxh3::xxh3_64;

use super::layout::{
    EXTENSION_HEADER_BYTES, FORMAT, HEADER_BYTES, HEADER_CHECKSUM_OFFSET, KIND_DELETE, KIND_PUT,
    MAGIC, REPRESENTATION_BYTES,
};
use crate::{
    Change, Envelope, Extension, Representation,
    limits::{ENVELOPE_BYTES_MAX, EXTENSIONS_BYTES_MAX, NUMBER_MAX, REPRESENTATIONS_MAX},
};

/// Why an envelope has no encoding.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum EncodeError {
    /// The frame would pass [`ENVELOPE_BYTES_MAX`].
    #[error("the envelope has {0} octets; at most {ENVELOPE_BYTES_MAX} are allowed")]
    TooLarge(usize),
    /// A put needs 1 to 8 representations, identity first, no coding twice.
    #[error("a put needs 1 to {REPRESENTATIONS_MAX} representations, identity first, each once")]
    Representations,
    /// The extension fields pass [`EXTENSIONS_BYTES_MAX`].
    #[error("the extension fields pass {EXTENSIONS_BYTES_MAX} octets")]
    Extensions,
    /// The document expires at the very beginning of 1970, which the wire takes for never.
    #[error("an expiry of 0 is written as none")]
    ExpiryZero,
    /// Epoch, sequence or version pass [`NUMBER_MAX`].
    #[error("epoch, sequence and version are at most {NUMBER_MAX}")]
    Number,
}

/// Encodes an envelope into one exact-size allocation.
///
/// # Errors
/// The envelope breaks a limit; see [`EncodeError`].
pub fn encode(envelope: &Envelope) -> Result<Bytes, EncodeError> {
    check_numbers(envelope)?;
    if envelope.expires_at.is_some_and(|at| at.0 == 0) {
        return Err(EncodeError::ExpiryZero);
    }
    let (kind, representations) = match &envelope.change {
        Change::Put(representations) => (KIND_PUT, check_representations(representations)?),
        Change::Delete => (KIND_DELETE, [].as_slice()),
    };
    let extensions_len = extensions_len(&envelope.extensions)?;
    let key = envelope.key.as_str();
    let octets_len: usize = representations.iter().map(|one| one.octets.len()).sum();
    let body_len =
        key.len() + representations.len() * REPRESENTATION_BYTES + octets_len + extensions_len;
    let frame_len = HEADER_BYTES + body_len;
    if frame_len > ENVELOPE_BYTES_MAX {
        return Err(EncodeError::TooLarge(frame_len));
    }

    let mut frame = BytesMut::with_capacity(frame_len);
    frame.put_slice(&MAGIC);
    frame.put_u8(FORMAT);
    frame.put_u8(kind);
    frame.put_u16(0);
    frame.put_u64(envelope.position.epoch.0);
    frame.put_u64(envelope.position.sequence.0);
    frame.put_u64(envelope.prev_link.0);
    frame.put_u64(envelope.link.0);
    frame.put_u64(envelope.version.0);
    frame.put_i64(envelope.updated_at.0);
    frame.put_i64(envelope.expires_at.map_or(0, |at| at.0));
    frame.put_u32(len_u32(body_len));
    frame.put_u32(len_u32(extensions_len));
    frame.put_u16(len_u16(key.len()));
    frame.put_u8(len_u8(envelope.key.collection().len()));
    frame.put_u8(len_u8(representations.len()));
    frame.put_u32(0);
    frame.put_u64(0); // Body checksum, once the body is there.
    frame.put_u64(0); // Header checksum, once the header is whole.
    debug_assert_eq!(frame.len(), HEADER_BYTES, "the header has its size");

    put_body(&mut frame, key, representations, &envelope.extensions);
    debug_assert_eq!(frame.len(), frame_len, "the frame has its size");
    seal(&mut frame);
    Ok(frame.freeze())
}

fn put_body(
    frame: &mut BytesMut,
    key: &str,
    representations: &[Representation],
    extensions: &[Extension],
) {
    frame.put_slice(key.as_bytes());
    for one in representations {
        frame.put_u8(one.coding as u8);
        frame.put_bytes(0, 3);
        frame.put_slice(&one.tag.0);
        frame.put_u32(len_u32(one.octets.len()));
    }
    for one in representations {
        frame.put_slice(&one.octets);
    }
    for extension in extensions {
        frame.put_u16(extension.id);
        frame.put_u16(len_u16(extension.octets.len()));
        frame.put_slice(&extension.octets);
    }
}

fn seal(frame: &mut BytesMut) {
    let body_checksum = xxh3_64(&frame[HEADER_BYTES..]);
    frame[HEADER_CHECKSUM_OFFSET - 8..HEADER_CHECKSUM_OFFSET]
        .copy_from_slice(&body_checksum.to_be_bytes());
    let header_checksum = xxh3_64(&frame[..HEADER_CHECKSUM_OFFSET]);
    frame[HEADER_CHECKSUM_OFFSET..HEADER_BYTES].copy_from_slice(&header_checksum.to_be_bytes());
}

fn check_numbers(envelope: &Envelope) -> Result<(), EncodeError> {
    let numbers = [
        envelope.position.epoch.0,
        envelope.position.sequence.0,
        envelope.version.0,
    ];
    if numbers.into_iter().all(|number| number <= NUMBER_MAX) {
        Ok(())
    } else {
        Err(EncodeError::Number)
    }
}

fn check_representations(all: &[Representation]) -> Result<&[Representation], EncodeError> {
    let codings: Vec<u8> = all.iter().map(|one| one.coding as u8).collect();
    let each_once = (1..codings.len()).all(|index| !codings[..index].contains(&codings[index]));
    let identity_first = codings.first() == Some(&0);
    if identity_first && each_once && all.len() <= REPRESENTATIONS_MAX {
        Ok(all)
    } else {
        Err(EncodeError::Representations)
    }
}

fn extensions_len(extensions: &[Extension]) -> Result<usize, EncodeError> {
    let len = extensions
        .iter()
        .map(|one| EXTENSION_HEADER_BYTES + one.octets.len())
        .sum();
    if len <= EXTENSIONS_BYTES_MAX {
        Ok(len)
    } else {
        Err(EncodeError::Extensions)
    }
}

// The lengths below were held against their limits before, so none saturates.

fn len_u32(len: usize) -> u32 {
    u32::try_from(len).unwrap_or(u32::MAX)
}

fn len_u16(len: usize) -> u16 {
    u16::try_from(len).unwrap_or(u16::MAX)
}

fn len_u8(len: usize) -> u8 {
    u8::try_from(len).unwrap_or(u8::MAX)
}
