//! Offsets of format 1.

use crate::{
    entity_tag::TAG_BYTES,
    limits::{
        BODY_BYTES_MAX, COLLECTION_BYTES_MAX, ENVELOPE_BYTES_MAX, EXTENSIONS_BYTES_MAX,
        ID_BYTES_MAX, REPRESENTATIONS_MAX,
    },
};

/// The format that this version writes, and the newest that it reads.
pub const FORMAT: u8 = 1;

pub(super) const MAGIC: [u8; 4] = *b"PRSE";

pub(super) const KIND_PUT: u8 = 1;
pub(super) const KIND_DELETE: u8 = 2;

// magic 4 | format 1 | kind 1 | zero 2 | epoch 8 | sequence 8 | prev_link 8 | link 8 | version 8
// | updated_at 8 | expires_at 8 (0: never) | body_len 4 | extensions_len 4 | key_len 2
// | collection_len 1 | representations 1 | zero 4 | body_checksum 8 | header_checksum 8

/// Where the sequence lies in an envelope: eight octets, big-endian. Scripts on the bus read it.
pub const SEQUENCE_OFFSET: usize = 16;

/// Octets of an envelope's header.
pub const HEADER_BYTES: usize = 96;

pub(super) const HEADER_CHECKSUM_OFFSET: usize = HEADER_BYTES - 8;

// coding 1 | zero 3 | tag 16 | len 4
pub(super) const REPRESENTATION_BYTES: usize = 8 + TAG_BYTES;

// id 2 | len 2 | octets
pub(super) const EXTENSION_HEADER_BYTES: usize = 4;

/// The largest frame that the writer's own limits allow fits with room to spare: the identity
/// octets, three codings that each save at least a tenth, and everything around them.
const LARGEST_FRAME_BYTES: usize = HEADER_BYTES
    + COLLECTION_BYTES_MAX
    + 1
    + ID_BYTES_MAX
    + REPRESENTATIONS_MAX * REPRESENTATION_BYTES
    + BODY_BYTES_MAX * 37 / 10
    + EXTENSIONS_BYTES_MAX;
const _: () = assert!(LARGEST_FRAME_BYTES <= ENVELOPE_BYTES_MAX);
