//! Limits that both sides of the wire rely on.

/// Upper bound on the octets of a collection's name. Longer names are refused.
pub const COLLECTION_BYTES_MAX: usize = 64;

/// Upper bound on the UTF-8 octets of a document id. Longer ids are refused.
pub const ID_BYTES_MAX: usize = 256;

/// Upper bound on a document's minified JSON, in octets. Larger bodies are refused with 413.
pub const BODY_BYTES_MAX: usize = 1024 * 1024;

/// Upper bound on the representations one envelope carries.
pub const REPRESENTATIONS_MAX: usize = 8;

/// Upper bound on the extension fields of one envelope together, in octets.
pub const EXTENSIONS_BYTES_MAX: usize = 4096;

/// Upper bound on one encoded envelope, in octets. Larger ones are refused on both sides.
pub const ENVELOPE_BYTES_MAX: usize = 4 * 1024 * 1024;

/// Largest epoch, sequence and version: the integers that a double represents exactly, because
/// the scripts that guard the snapshot compute with doubles (Redis manual, "Lua API reference").
pub const NUMBER_MAX: u64 = (1 << 53) - 1;

/// Upper bound on a reader's id, in octets.
pub const READER_ID_BYTES_MAX: usize = 64;

/// Upper bound on the readers whose probes one heartbeat repeats.
pub const PROBES_MAX: usize = 4096;
