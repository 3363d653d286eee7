//! What travels on the feed.

use crate::{Envelope, Link, Position, Timestamp, codec::DecodeError};

/// One message on the feed.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum FeedMessage {
    /// A change with its envelope.
    Delivery(Delivery),
    /// A change whose envelope is too large for the channel: to be fetched by replay.
    Notice(Slot),
    /// The leader's regular word on where the database stands.
    Heartbeat(Heartbeat),
}

/// The place in the history that one delivered change fills.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Slot {
    /// Epoch and number of the change.
    pub position: Position,
    /// The link of the change before.
    pub prev_link: Link,
    /// The change's own link.
    pub link: Link,
}

/// A change, delivered as its document's state at the slot or later.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Delivery {
    /// What it fills.
    pub slot: Slot,
    /// The document's envelope, of a position at or above the slot's; or why it cannot be read,
    /// in which case the slot stays unfilled.
    pub envelope: Result<Envelope, DecodeError>,
}

/// What the leader read from the database's primary, in this order: probes, then the rest.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Heartbeat {
    /// The database's epoch and head.
    pub head: Position,
    /// The link at the head.
    pub link: Link,
    /// Database time.
    pub database_time: Timestamp,
    /// The probes found in the bus *before* the head was read.
    pub probes: Vec<Probe>,
}

/// A reader's latest nonce.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Probe {
    /// Who wrote it: 1 to 64 octets.
    pub reader: String,
    /// What it wrote.
    pub nonce: u64,
}
