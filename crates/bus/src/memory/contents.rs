//! What the in-process bus holds: the records that the Redis keys hold there.

use std::collections::{BTreeMap, HashMap};

use bytes::Bytes;
use shared::{ResourceKey, Slot};

use crate::{Build, Meta, Refusal, stored::sequence_of};

/// Everything that a loss of the bus loses.
#[derive(Debug, Clone, Default)]
pub(super) struct Contents {
    pub(super) meta: Option<Meta>,
    pub(super) buckets: Vec<Bucket>,
    /// By slot number.
    pub(super) log: BTreeMap<u64, LogEntry>,
    /// Slots ahead of their turn, by number.
    pub(super) pending: BTreeMap<u64, Slot>,
    /// By reader.
    pub(super) probes: HashMap<String, u64>,
    /// Statuses, by reader. Whoever registers here lives as long as the bus, so they stay.
    pub(super) readers: BTreeMap<String, String>,
}

/// One part of the snapshot.
#[derive(Debug, Clone, Default)]
pub(super) struct Bucket {
    pub(super) mark: Option<Build>,
    pub(super) documents: HashMap<ResourceKey, Bytes>,
}

/// One slot of the log.
#[derive(Debug, Clone)]
pub(super) struct LogEntry {
    pub(super) slot: Slot,
    pub(super) key: ResourceKey,
}

impl Contents {
    /// Meta, if it is that build's.
    pub(super) fn meta_of(&mut self, build: Build) -> Result<&mut Meta, Refusal> {
        match &mut self.meta {
            None => Err(Refusal::NoMeta),
            Some(meta) if meta.build != build => Err(Refusal::OtherBuild),
            Some(meta) => Ok(meta),
        }
    }

    /// The key's bucket, if meta's build marked it; otherwise the snapshot is known incomplete.
    pub(super) fn bucket_of(&mut self, key: &ResourceKey) -> Result<&mut Bucket, Refusal> {
        let meta = self.meta.as_ref().ok_or(Refusal::NoMeta)?;
        self.bucket(key.bucket(meta.buckets))
    }

    /// The bucket of this number; as [`Self::bucket_of`].
    pub(super) fn bucket(&mut self, index: u32) -> Result<&mut Bucket, Refusal> {
        let meta = self.meta.as_mut().ok_or(Refusal::NoMeta)?;
        let bucket = usize::try_from(index)
            .ok()
            .and_then(|index| self.buckets.get_mut(index))
            .filter(|bucket| bucket.mark == Some(meta.build));
        if bucket.is_none() {
            meta.complete = false;
        }
        bucket.ok_or(Refusal::BucketLost)
    }
}

impl Bucket {
    /// Stores the envelope unless a newer one or one of the same sequence is there.
    pub(super) fn store_if_newer(&mut self, key: &ResourceKey, envelope: &Bytes) {
        let held = self.documents.get(key).map(|held| sequence_of(held));
        if held.is_none_or(|held| held < sequence_of(envelope)) {
            self.documents.insert(key.clone(), envelope.clone());
        }
    }

    /// Stores the envelope unless a newer one or the same octets are there.
    pub(super) fn mend(&mut self, key: &ResourceKey, envelope: &Bytes) -> bool {
        let is_right = self
            .documents
            .get(key)
            .is_some_and(|held| held == envelope || sequence_of(held) > sequence_of(envelope));
        if !is_right {
            self.documents.insert(key.clone(), envelope.clone());
        }
        !is_right
    }
}
