//! Octets ready to send, in one content coding.

use bytes::Bytes;

use crate::{ContentCoding, EntityTag};

/// One document's octets in one content coding, with the tag that names them.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Representation {
    /// How the octets are coded.
    pub coding: ContentCoding,
    /// Names exactly these octets.
    pub tag: EntityTag,
    /// What a response's content is.
    pub octets: Bytes,
}

impl Representation {
    /// Tags these octets. Costs one pass of blake3.
    pub fn of(coding: ContentCoding, octets: Bytes) -> Self {
        Self {
            coding,
            tag: EntityTag::of(&octets),
            octets,
        }
    }
}
