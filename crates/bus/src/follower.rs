//! The readers' side of the bus.

use async_trait::async_trait;
use shared::{Delivery, Envelope, FeedMessage, Position, ResourceKey};
use tokio::sync::mpsc;

use crate::{Build, BusError, Meta};

/// What a subscription yields.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum FeedEvent {
    /// A message, in the order the bus sent it.
    Message(FeedMessage),
    /// Octets that are not a feed message; counted, otherwise ignored (the slot shows as a gap).
    Undecodable,
}

/// A live subscription to the feed, established when it is handed out.
///
/// It ends (`None`) when the connection is lost or when the follower did not keep up and the
/// bounded channel overflowed. Either way messages may be missing and nothing says how many: the
/// end of a subscription is a gap. It never reconnects by itself.
#[derive(Debug)]
pub struct Subscription {
    /// Bounded to [`Subscription::CAPACITY`] events; the sending side drops the whole
    /// subscription rather than wait.
    events: mpsc::Receiver<FeedEvent>,
}

impl Subscription {
    /// Events that may wait for the follower before the subscription is cut off.
    pub const CAPACITY: usize = 65_536;

    pub(crate) fn new(events: mpsc::Receiver<FeedEvent>) -> Self {
        Self { events }
    }

    /// The next event, or `None` once the subscription has ended and all events before are read.
    ///
    /// # Cancel safety
    /// Cancel safe: no event is lost.
    pub async fn next(&mut self) -> Option<FeedEvent> {
        self.events.recv().await
    }
}

/// One bucket of a snapshot.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum BucketRead {
    /// The bucket bears the mark of the build asked for.
    Intact {
        /// Every envelope and tombstone in it, each in an allocation of its own.
        envelopes: Vec<Envelope>,
        /// How many values could not be decoded; those documents are missing from `envelopes`.
        undecodable: usize,
    },
    /// The bucket lacks that mark: it was lost, or belongs to another build.
    Lost,
}

/// What the log has of a range.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Replay {
    /// Meta, read *before* the log.
    pub meta: Option<Meta>,
    /// Deliveries in slot order without a hole from the first slot asked for, as far as the log
    /// and the page reach; each with its document's current envelope.
    pub deliveries: Vec<Delivery>,
    /// Whether more may follow at once: the page was full.
    pub more: bool,
}

/// Reads one snapshot over one connection, made for it.
#[async_trait]
pub trait SnapshotReader: Send + std::fmt::Debug {
    /// What the bus says of its snapshot now.
    ///
    /// # Errors
    /// The bus is away.
    async fn meta(&mut self) -> Result<Option<Meta>, BusError>;

    /// The buckets asked for, in that order, by one round trip.
    ///
    /// # Errors
    /// The bus is away.
    async fn buckets(&mut self, build: Build, indexes: &[u32])
    -> Result<Vec<BucketRead>, BusError>;
}

/// Reads the bus.
///
/// Every operation has a deadline of its own and gives [`BusError::Timeout`] beyond it. None
/// retries.
#[async_trait]
pub trait Follower: Send + Sync + std::fmt::Debug {
    /// Subscribes to the feed on a connection of its own. Once this returns, everything published
    /// afterwards is in the subscription or ends it.
    ///
    /// # Errors
    /// The bus is away.
    async fn subscribe(&self) -> Result<Subscription, BusError>;

    /// Opens a connection for one hydration.
    ///
    /// # Errors
    /// The bus is away.
    async fn snapshot(&self) -> Result<Box<dyn SnapshotReader>, BusError>;

    /// Reads at most 1,024 slots above `after` from the log, with their documents' values.
    ///
    /// # Errors
    /// The bus is away.
    async fn replay(&self, after: Position) -> Result<Replay, BusError>;

    /// The current envelope of one document; for the yardstick that asks Redis on each request.
    ///
    /// # Errors
    /// The bus is away, or the value cannot be decoded.
    async fn fetch(&self, key: &ResourceKey) -> Result<Option<Envelope>, BusError>;

    /// Reports that a bucket of `build` has lost its mark: clears `complete`, if meta still names
    /// that build and the mark is indeed not there.
    ///
    /// # Errors
    /// The bus is away.
    async fn report_lost(&self, build: Build, bucket: u32) -> Result<(), BusError>;

    /// Leaves this reader's latest nonce for the next heartbeat to repeat.
    ///
    /// # Errors
    /// The bus is away.
    async fn probe(&self, reader: &str, nonce: u64) -> Result<(), BusError>;

    /// Registers this reader's status (JSON) for 5 s, for operators and writers.
    ///
    /// # Errors
    /// The bus is away.
    async fn register(&self, reader: &str, status: &str) -> Result<(), BusError>;
}
