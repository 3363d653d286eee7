//! What goes into the machine and what comes out of it.

use std::time::Duration;

use bus::{Build, Meta, Replay};
use shared::{Delivery, Envelope, Heartbeat, Position, Slot};

use crate::catalog::Hydration;

/// Something that happened.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Input {
    /// The feed is subscribed to, on a new connection.
    Subscribed,
    /// The subscription ended, or could not be made.
    Disconnected,
    /// A change came over the feed.
    Delivery(Delivery),
    /// A change came over the feed without its envelope.
    Notice(Slot),
    /// A heartbeat came over the feed.
    Heartbeat(Heartbeat),
    /// A hydration has read meta, before any bucket.
    SnapshotBegin(Hydration, Option<Meta>),
    /// A hydration has read envelopes.
    SnapshotChunk(Hydration, Vec<Envelope>),
    /// A hydration has read every bucket, and then meta again.
    SnapshotEnd(Hydration, Option<Meta>),
    /// A hydration cannot go on.
    SnapshotFailed(Hydration, SnapshotFailure),
    /// A replay has read a page of the log.
    Replayed(ReplayAttempt, Replay),
    /// A replay cannot go on.
    ReplayFailed(ReplayAttempt),
    /// Time went by. Due every 25 ms or so: deadlines are judged then.
    Tick,
}

/// Why a hydration cannot go on.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum SnapshotFailure {
    /// The bus is away.
    Unavailable,
    /// A bucket lacks its mark.
    BucketLost(Build, u32),
    /// An envelope in it cannot be decoded.
    Undecodable,
}

/// The number of one replay.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct ReplayAttempt(pub u32);

/// Something to do.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Effect {
    /// Drop the subscription, if there is one, and make a new one after this delay.
    Connect(Duration),
    /// Abandon the hydration under way, if there is one, and begin this one after the delay.
    Hydrate(Hydration, Duration),
    /// Read the log above a position.
    Replay(ReplayAttempt, Position),
    /// Put an envelope into the catalog, unless it holds a newer one; mark the key as seen.
    Apply(Envelope, Option<Hydration>),
    /// Drop what a finished hydration has not seen and that stands at or below its floor.
    DropUnseen(Hydration, Position),
    /// Drop tombstones at or below a position.
    ForgetTombstones(Position),
    /// Tell the bus that a bucket of a build has lost its mark.
    ReportLost(Build, u32),
    /// Leave this nonce for the next heartbeat.
    Probe(u64),
    /// Begin, or cease, to answer reads.
    SetReady(bool),
}

/// What the machine has counted since its start.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Counts {
    /// Subscriptions that ended: each may have missed messages.
    pub gaps: u64,
    /// Hydrations completed.
    pub hydrations: u64,
    /// Hydrations that failed or were refused.
    pub hydrations_failed: u64,
    /// Pages of the log read.
    pub replays: u64,
    /// Deliveries whose envelope could not be decoded, or contradicts its slot.
    pub undecodable: u64,
    /// Links that did not match: two histories under one epoch.
    pub forks: u64,
    /// Connections given up because nothing came over them.
    pub silences: u64,
}

/// What the reader is doing, for people.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum State {
    /// No subscription.
    Connecting,
    /// Loading a snapshot.
    Hydrating,
    /// Fetching missed changes.
    Replaying,
    /// Applying live envelopes.
    Following,
}

impl State {
    /// The word for it in `/status`.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Connecting => "connecting",
            Self::Hydrating => "hydrating",
            Self::Replaying => "replaying",
            Self::Following => "following",
        }
    }
}
