//! Faults that tests switch on.

use shared::ResourceKey;

use super::{Availability, MemoryBus, contents::Contents};

/// What the bus held at a moment; see [`MemoryBus::roll_back`].
#[derive(Debug, Clone)]
pub struct Checkpoint {
    contents: Contents,
}

impl MemoryBus {
    /// Loses everything, as a restart or FLUSHALL does. Subscriptions live on.
    pub fn lose_everything(&self) {
        self.lock().contents = Contents::default();
    }

    /// Loses meta alone.
    pub fn lose_meta(&self) {
        self.lock().contents.meta = None;
    }

    /// Loses one bucket of the snapshot with its mark.
    pub fn lose_bucket(&self, index: u32) {
        let contents = &mut self.lock().contents;
        let bucket = usize::try_from(index)
            .ok()
            .and_then(|index| contents.buckets.get_mut(index));
        if let Some(bucket) = bucket {
            bucket.mark = None;
            bucket.documents.clear();
        }
    }

    /// Loses one document, unnoticed: its bucket keeps its mark.
    pub fn lose_document(&self, key: &ResourceKey) {
        if let Ok(bucket) = self.lock().contents.bucket_of(key) {
            bucket.documents.remove(key);
        }
    }

    /// Remembers what the bus holds now.
    pub fn checkpoint(&self) -> Checkpoint {
        Checkpoint {
            contents: self.lock().contents.clone(),
        }
    }

    /// Loses everything since `checkpoint` and ends all connections, as a failover to a replica
    /// that lacks the last writes does.
    pub fn roll_back(&self, checkpoint: &Checkpoint) {
        let mut state = self.lock();
        state.contents = checkpoint.contents.clone();
        state.end_connections();
    }

    /// From now on operations give [`crate::BusError::Away`]; all connections end.
    pub fn go_away(&self) {
        let mut state = self.lock();
        state.availability = Availability::Away;
        state.end_connections();
    }

    /// Answers again, with what it held before.
    pub fn come_back(&self) {
        self.lock().availability = Availability::Here;
    }

    /// Ends all subscriptions; new ones can be made at once.
    pub fn disconnect_all(&self) {
        self.lock().subscriptions.clear();
    }

    /// How many subscriptions live.
    pub fn subscriptions(&self) -> usize {
        self.lock().subscriptions.len()
    }
}
