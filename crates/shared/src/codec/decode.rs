//! Octets to envelope, without copying the representations.

use std::cmp::Ordering;

use bytes::{Buf, Bytes};
use xxhash_rust::xxh3::xxh3_64;

use super::{
    DecodeError,
    layout::{
        EXTENSION_HEADER_BYTES, FORMAT, HEADER_BYTES, HEADER_CHECKSUM_OFFSET, KIND_DELETE,
        KIND_PUT, MAGIC, REPRESENTATION_BYTES,
    },
};
use crate::{
    Change, ContentCoding, EntityTag, Envelope, Epoch, Extension, Link, Position, Representation,
    ResourceKey, Sequence, Timestamp, Version,
    limits::{ENVELOPE_BYTES_MAX, EXTENSIONS_BYTES_MAX, NUMBER_MAX, REPRESENTATIONS_MAX},
};

/// Decodes one whole envelope. Its representations and extensions are slices of `frame` and keep
/// that allocation alive: copy `frame` first where it is part of a larger buffer.
///
/// # Errors
/// The octets are not exactly one envelope of a known format. Never panics, whatever they are.
pub fn decode(frame: &Bytes) -> Result<Envelope, DecodeError> {
    let header = Header::parse(frame)?;
    let body = frame.slice(HEADER_BYTES..);
    if body.len() < header.body_len {
        return Err(DecodeError::Truncated);
    }
    if body.len() > header.body_len {
        return Err(DecodeError::Trailing);
    }
    if xxh3_64(&body) != header.body_checksum {
        return Err(DecodeError::BodyChecksum);
    }
    let mut body = body;
    let key = parse_key(&take(&mut body, header.key_len)?, header.collection_len)?;
    let representations = parse_representations(&mut body, header.representations)?;
    if body.len() != header.extensions_len {
        return Err(DecodeError::Invalid("length of the representations"));
    }
    let extensions = parse_extensions(body)?;
    let change = match header.kind {
        KIND_PUT if representations.is_empty() => {
            return Err(DecodeError::Invalid("put without representation"));
        }
        KIND_PUT => Change::Put(representations),
        KIND_DELETE if representations.is_empty() => Change::Delete,
        KIND_DELETE => return Err(DecodeError::Invalid("delete with representations")),
        _ => return Err(DecodeError::Invalid("kind")),
    };
    Ok(Envelope {
        position: header.position,
        prev_link: header.prev_link,
        link: header.link,
        version: header.version,
        updated_at: header.updated_at,
        expires_at: header.expires_at,
        key,
        change,
        extensions,
    })
}

/// What an envelope's header tells of it, without its body.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Summary {
    /// Its position.
    pub position: Position,
    /// Its link.
    pub link: Link,
    /// Whether it is a deletion.
    pub is_delete: bool,
}

/// Reads the header of an envelope of `frame_len` octets, of which `head` are the first
/// [`HEADER_BYTES`] or more. Of the body only the length is checked.
///
/// # Errors
/// They do not begin an envelope of a known format and of that length. Never panics.
pub fn summarize(head: &[u8], frame_len: usize) -> Result<Summary, DecodeError> {
    let header = Header::parse(head)?;
    match frame_len.cmp(&(HEADER_BYTES + header.body_len)) {
        Ordering::Less => Err(DecodeError::Truncated),
        Ordering::Greater => Err(DecodeError::Trailing),
        Ordering::Equal => Ok(Summary {
            position: header.position,
            link: header.link,
            is_delete: header.kind == KIND_DELETE,
        }),
    }
}

struct Header {
    kind: u8,
    position: Position,
    prev_link: Link,
    link: Link,
    version: Version,
    updated_at: Timestamp,
    expires_at: Option<Timestamp>,
    body_len: usize,
    extensions_len: usize,
    key_len: usize,
    collection_len: u8,
    representations: usize,
    body_checksum: u64,
}

impl Header {
    fn parse(frame: &[u8]) -> Result<Self, DecodeError> {
        if frame.len() < MAGIC.len() + 1 {
            return Err(DecodeError::Truncated);
        }
        if frame[..MAGIC.len()] != MAGIC {
            return Err(DecodeError::Magic);
        }
        if frame[MAGIC.len()] > FORMAT {
            return Err(DecodeError::Format(frame[MAGIC.len()]));
        }
        if frame[MAGIC.len()] == 0 {
            return Err(DecodeError::Invalid("format"));
        }
        if frame.len() < HEADER_BYTES {
            return Err(DecodeError::Truncated);
        }
        let mut checksum = &frame[HEADER_CHECKSUM_OFFSET..HEADER_BYTES];
        if xxh3_64(&frame[..HEADER_CHECKSUM_OFFSET]) != checksum.get_u64() {
            return Err(DecodeError::HeaderChecksum);
        }
        Self::fields(&frame[MAGIC.len() + 1..HEADER_CHECKSUM_OFFSET]).check()
    }

    fn fields(mut octets: &[u8]) -> Self {
        let kind = octets.get_u8();
        octets.advance(2);
        let header = Self {
            kind,
            position: Position::new(Epoch(octets.get_u64()), Sequence(octets.get_u64())),
            prev_link: Link(octets.get_u64()),
            link: Link(octets.get_u64()),
            version: Version(octets.get_u64()),
            updated_at: Timestamp(octets.get_i64()),
            expires_at: Some(Timestamp(octets.get_i64())).filter(|at| at.0 != 0),
            body_len: octets.get_u32() as usize,
            extensions_len: octets.get_u32() as usize,
            key_len: usize::from(octets.get_u16()),
            collection_len: octets.get_u8(),
            representations: usize::from(octets.get_u8()),
            body_checksum: {
                octets.advance(4);
                octets.get_u64()
            },
        };
        debug_assert!(octets.is_empty(), "every header field was read");
        header
    }

    fn check(self) -> Result<Self, DecodeError> {
        let numbers = [
            self.position.epoch.0,
            self.position.sequence.0,
            self.version.0,
        ];
        if numbers.into_iter().any(|number| number > NUMBER_MAX) {
            return Err(DecodeError::Invalid("number"));
        }
        if HEADER_BYTES + self.body_len > ENVELOPE_BYTES_MAX {
            return Err(DecodeError::Invalid("length"));
        }
        if self.extensions_len > EXTENSIONS_BYTES_MAX {
            return Err(DecodeError::Invalid("length of the extensions"));
        }
        if self.representations > REPRESENTATIONS_MAX {
            return Err(DecodeError::Invalid("number of representations"));
        }
        Ok(self)
    }
}

fn parse_key(octets: &[u8], collection_len: u8) -> Result<ResourceKey, DecodeError> {
    let invalid = DecodeError::Invalid("key");
    let text = str::from_utf8(octets).or(Err(invalid))?;
    let key = ResourceKey::from_text(text).or(Err(invalid))?;
    if key.collection().len() == usize::from(collection_len) {
        Ok(key)
    } else {
        Err(invalid)
    }
}

fn parse_representations(
    body: &mut Bytes,
    count: usize,
) -> Result<Vec<Representation>, DecodeError> {
    let mut table = take(body, count * REPRESENTATION_BYTES)?;
    let mut all: Vec<Representation> = Vec::with_capacity(count);
    while table.has_remaining() {
        let coding = ContentCoding::from_wire(table.get_u8());
        table.advance(3);
        let mut tag = EntityTag([0; 16]);
        table.copy_to_slice(&mut tag.0);
        let octets = take(body, table.get_u32() as usize)?;
        let coding = coding.ok_or(DecodeError::Invalid("content coding"))?;
        if all.is_empty() != (coding == ContentCoding::Identity)
            || all.iter().any(|one| one.coding == coding)
        {
            return Err(DecodeError::Invalid("order of representations"));
        }
        all.push(Representation {
            coding,
            tag,
            octets,
        });
    }
    Ok(all)
}

fn parse_extensions(mut octets: Bytes) -> Result<Vec<Extension>, DecodeError> {
    let mut all = Vec::new();
    while octets.has_remaining() {
        let mut header = take(&mut octets, EXTENSION_HEADER_BYTES)?;
        let id = header.get_u16();
        let len = usize::from(header.get_u16());
        let octets = take(&mut octets, len)?;
        all.push(Extension { id, octets });
    }
    Ok(all)
}

fn take(octets: &mut Bytes, len: usize) -> Result<Bytes, DecodeError> {
    if len <= octets.len() {
        Ok(octets.split_to(len))
    } else {
        Err(DecodeError::Truncated)
    }
}
