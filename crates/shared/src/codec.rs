//! Frames: how envelopes and feed messages lie in memory and on the bus.
//!
//! All integers are big-endian. A header ends with its own checksum, so that lengths are trusted
//! only once the header is known to be whole; the body has a checksum of its own. Checksums are
//! XXH3-64 with seed 0: they find damage, not malice.

mod batch;
mod decode;
mod encode;
mod layout;
mod message;
mod stream;

pub use batch::{BATCH_BYTES, Messages, encode_batch, messages};
pub use decode::{Summary, decode, summarize};
pub use encode::{EncodeError, encode};
pub use layout::{FORMAT, HEADER_BYTES, SEQUENCE_OFFSET};
pub use message::{SLOT_BYTES, decode_message, encode_heartbeat, encode_notice, encode_slot};
pub use stream::{
    FRAME_BYTES_MAX, LENGTH_BYTES, TRAILER_BYTES, Trailer, decode_trailer, encode_length,
    encode_trailer, is_trailer,
};

/// Why octets are not an envelope or a feed message that this version reads.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum DecodeError {
    /// Fewer octets than the frame needs.
    #[error("the frame is cut short")]
    Truncated,
    /// More octets than the frame has.
    #[error("octets follow the frame")]
    Trailing,
    /// The frame does not begin with its magic number.
    #[error("not a frame of this kind")]
    Magic,
    /// A format made by a newer release.
    #[error("format {0} is newer than {FORMAT}, the newest this version reads")]
    Format(u8),
    /// The header's checksum does not match.
    #[error("the header is damaged")]
    HeaderChecksum,
    /// The body's checksum does not match.
    #[error("the body is damaged")]
    BodyChecksum,
    /// A whole frame says something that no encoder writes.
    #[error("invalid {0}")]
    Invalid(&'static str),
}
