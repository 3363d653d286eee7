//! One framed change.

use bytes::Bytes;

use crate::{Link, Position, Representation, ResourceKey, Timestamp};

/// A document's version: 1 when created, one more with each change. For clients; readers order
/// by [`Position`].
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Version(pub u64);

/// The state of one document after its change at [`Self::position`].
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Envelope {
    /// When in the database's history the document took this state.
    pub position: Position,
    /// The link of the change before this one.
    pub prev_link: Link,
    /// This change's own link.
    pub link: Link,
    /// The document's version.
    pub version: Version,
    /// Database time of the change.
    pub updated_at: Timestamp,
    /// When the document ends to be served, if it does.
    pub expires_at: Option<Timestamp>,
    /// The document.
    pub key: ResourceKey,
    /// Its content, or that it is gone.
    pub change: Change,
    /// Optional fields that a receiver may ignore, in order.
    pub extensions: Vec<Extension>,
}

/// What became of a document.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Change {
    /// It has this content: the identity representation first, then coded ones, each coding once.
    Put(Vec<Representation>),
    /// It was deleted; the envelope is a tombstone.
    Delete,
}

/// An optional field of an envelope. Receivers skip ids that they do not know.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Extension {
    /// What the octets mean; see [`Self::TRACE_CONTEXT`].
    pub id: u16,
    /// The field's value.
    pub octets: Bytes,
}

impl Extension {
    /// A W3C `traceparent` header value, as ASCII.
    pub const TRACE_CONTEXT: u16 = 1;
}
