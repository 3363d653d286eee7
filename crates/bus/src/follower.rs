//! The readers' side of the bus.

use async_trait::async_trait;
use shared::{Delivery, Envelope, Position, ResourceKey};
use tokio::sync::mpsc;

use crate::{Build, BusError, Meta, Subscription};

/// One bucket of a snapshot, or a part of one.
///
/// A bucket may be far larger than what a reader has room for: documents are up to 4 MiB each, and
/// a set that has just been filled has too few buckets for a while. So one of more than some 256 KiB
/// comes as parts, and whether all of them stand is told with the last.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum BucketRead {
    /// Some envelopes and tombstones of it. More follows, [`Self::Intact`] or [`Self::Lost`] last.
    /// They may share one allocation: whoever keeps one for long copies its octets.
    Part(Vec<Envelope>),
    /// The bucket bears the mark of the build asked for.
    Intact {
        /// Every envelope and tombstone in it that no part had; as for those.
        envelopes: Vec<Envelope>,
        /// How many values could not be decoded, in all of it; those documents are missing.
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

/// What the bus holds for one document.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Lookup {
    /// Meta, read *before* the document: the rest is at least as new.
    pub meta: Option<Meta>,
    /// Whether the document's bucket bears the mark of meta's build. Where it does not, a missing
    /// envelope says nothing.
    pub is_intact: bool,
    /// The document's current envelope or tombstone, in an allocation of its own.
    pub envelope: Option<Envelope>,
}

/// Reads one snapshot over one connection, made for it.
#[async_trait]
pub trait SnapshotReader: Send + std::fmt::Debug {
    /// What the bus says of its snapshot now.
    ///
    /// # Errors
    /// The bus is away.
    async fn meta(&mut self) -> Result<Option<Meta>, BusError>;

    /// Reads the buckets asked for, in that order and some ahead, and hands over what is decoded of
    /// each, in parts where it is large. Waits while `sink` is full, and ends early, unsuccessfully, once nobody takes
    /// from it any more.
    ///
    /// # Errors
    /// The bus is away.
    async fn each_bucket(
        &mut self,
        build: Build,
        indexes: Vec<u32>,
        sink: mpsc::Sender<BucketRead>,
    ) -> Result<(), BusError>;

    /// The buckets asked for, in that order, each whole, all at once.
    ///
    /// # Errors
    /// The bus is away.
    async fn buckets(
        &mut self,
        build: Build,
        indexes: &[u32],
    ) -> Result<Vec<BucketRead>, BusError> {
        let (sink, mut read) = mpsc::channel(indexes.len().max(1));
        let taking = async {
            let mut buckets = Vec::with_capacity(indexes.len());
            let mut parts = Vec::new();
            while let Some(bucket) = read.recv().await {
                buckets.extend(joined(&mut parts, bucket));
            }
            buckets
        };
        let reading = self.each_bucket(build, indexes.to_vec(), sink);
        let (read, buckets) = tokio::join!(reading, taking);
        read.map(|()| buckets)
    }
}

/// The whole bucket, once its last part has come.
fn joined(parts: &mut Vec<Envelope>, read: BucketRead) -> Option<BucketRead> {
    match read {
        BucketRead::Part(envelopes) => {
            parts.extend(envelopes);
            None
        }
        BucketRead::Intact {
            mut envelopes,
            undecodable,
        } => {
            parts.append(&mut envelopes);
            Some(BucketRead::Intact {
                envelopes: std::mem::take(parts),
                undecodable,
            })
        }
        BucketRead::Lost => {
            parts.clear();
            Some(BucketRead::Lost)
        }
    }
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

    /// Reads at most 1,024 slots above `after` from the log, with their documents' values. Gives
    /// none where `after` is of another epoch than meta or below its `log_from`.
    ///
    /// # Errors
    /// The bus is away.
    async fn replay(&self, after: Position) -> Result<Replay, BusError>;

    /// What the bus holds for one document, with all that is needed to judge it.
    ///
    /// # Errors
    /// The bus is away, or the value cannot be decoded.
    async fn lookup(&self, key: &ResourceKey) -> Result<Lookup, BusError>;

    /// The current envelope of one document; for the yardstick that asks Redis on each request.
    ///
    /// # Errors
    /// The bus is away, or the value cannot be decoded.
    async fn fetch(&self, key: &ResourceKey) -> Result<Option<Envelope>, BusError> {
        Ok(self.lookup(key).await?.envelope)
    }

    /// Reports that a bucket of `build` has lost its mark: clears `complete`, if meta still names
    /// that build and the mark is indeed not there.
    ///
    /// # Errors
    /// The bus is away.
    async fn report_lost(&self, build: Build, bucket: u32) -> Result<(), BusError>;

    /// Leaves this reader's latest nonce for the next heartbeats to repeat. Dropped silently where
    /// [`shared::limits::PROBES_MAX`] other readers have left theirs. To be renewed every 250 ms:
    /// all probes are forgotten from time to time, so that those of readers gone do not stay.
    ///
    /// # Errors
    /// The bus is away, or the id is not 1 to 64 visible ASCII characters.
    async fn probe(&self, reader: &str, nonce: u64) -> Result<(), BusError>;

    /// Registers this reader's status (JSON) for 5 s, for operators and writers.
    ///
    /// # Errors
    /// The bus is away, the id is not 1 to 64 visible ASCII characters, or the status has more
    /// than [`crate::limits::STATUS_BYTES_MAX`] octets.
    async fn register(&self, reader: &str, status: &str) -> Result<(), BusError>;
}
