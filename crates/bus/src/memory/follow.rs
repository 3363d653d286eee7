//! The readers' side of the in-process bus.

use std::sync::MutexGuard;

use async_trait::async_trait;
use bytes::Bytes;
use shared::{Envelope, Position, ResourceKey, codec::decode, limits::PROBES_MAX};
use tokio::sync::mpsc;

use super::{
    MemoryBus, State,
    contents::{Bucket, Contents},
};
use crate::{
    BucketRead, Build, BusError, Follower, Lookup, Meta, Replay, SnapshotReader, Subscription,
    stored::{check_reader_id, check_status},
    subscription,
};

#[async_trait]
impl Follower for MemoryBus {
    async fn subscribe(&self) -> Result<Subscription, BusError> {
        let (sender, subscription) = subscription::channel();
        self.state()?.subscriptions.push(sender);
        Ok(subscription)
    }

    async fn snapshot(&self) -> Result<Box<dyn SnapshotReader>, BusError> {
        let generation = self.state()?.generation;
        Ok(Box::new(MemorySnapshot {
            bus: self.clone(),
            generation,
        }))
    }

    async fn replay(&self, after: Position) -> Result<Replay, BusError> {
        Ok(self.state()?.contents.replay(after))
    }

    async fn lookup(&self, key: &ResourceKey) -> Result<Lookup, BusError> {
        let state = self.state()?;
        let meta = state.contents.meta;
        let bucket = meta.and_then(|meta| {
            let index = usize::try_from(key.bucket(meta.buckets)).ok()?;
            state.contents.buckets.get(index)
        });
        let held = bucket.and_then(|bucket| bucket.documents.get(key));
        Ok(Lookup {
            meta,
            is_intact: meta.is_some()
                && bucket.and_then(|bucket| bucket.mark) == meta.map(|meta| meta.build),
            envelope: held.map(decode_document).transpose()?,
        })
    }

    async fn report_lost(&self, build: Build, bucket: u32) -> Result<(), BusError> {
        let contents = &mut self.state()?.contents;
        let Some(meta) = contents.meta.as_mut().filter(|meta| meta.build == build) else {
            return Ok(());
        };
        let held = usize::try_from(bucket)
            .ok()
            .and_then(|index| contents.buckets.get(index));
        if held.is_some_and(|bucket| bucket.mark.is_none()) {
            meta.complete = false;
        }
        Ok(())
    }

    async fn probe(&self, reader: &str, nonce: u64) -> Result<(), BusError> {
        check_reader_id(reader)?;
        let probes = &mut self.state()?.contents.probes;
        if probes.len() < PROBES_MAX || probes.contains_key(reader) {
            probes.insert(reader.to_owned(), nonce);
        }
        Ok(())
    }

    async fn register(&self, reader: &str, status: &str) -> Result<(), BusError> {
        check_reader_id(reader)?;
        check_status(status)?;
        let readers = &mut self.state()?.contents.readers;
        readers.insert(reader.to_owned(), status.to_owned());
        Ok(())
    }
}

/// A snapshot that is being read.
#[derive(Debug)]
struct MemorySnapshot {
    bus: MemoryBus,
    /// The bus' own when this was made.
    generation: u64,
}

impl MemorySnapshot {
    fn state(&self) -> Result<MutexGuard<'_, State>, BusError> {
        let state = self.bus.state()?;
        if state.generation == self.generation {
            Ok(state)
        } else {
            Err(BusError::Away)
        }
    }
}

#[async_trait]
impl SnapshotReader for MemorySnapshot {
    async fn meta(&mut self) -> Result<Option<Meta>, BusError> {
        Ok(self.state()?.contents.meta)
    }

    async fn each_bucket(
        &mut self,
        build: Build,
        indexes: Vec<u32>,
        sink: mpsc::Sender<BucketRead>,
    ) -> Result<(), BusError> {
        for index in indexes {
            let bucket = self.state()?.contents.read_bucket(build, index);
            if sink.send(bucket).await.is_err() {
                return Err(BusError::Away);
            }
        }
        Ok(())
    }
}

impl Contents {
    fn read_bucket(&self, build: Build, index: u32) -> BucketRead {
        usize::try_from(index)
            .ok()
            .and_then(|index| self.buckets.get(index))
            .filter(|bucket| bucket.mark == Some(build))
            .map_or(BucketRead::Lost, read_bucket)
    }
}

fn read_bucket(bucket: &Bucket) -> BucketRead {
    let decoded = bucket.documents.values().map(decode);
    let envelopes: Vec<Envelope> = decoded.filter_map(Result::ok).collect();
    BucketRead::Intact {
        undecodable: bucket.documents.len() - envelopes.len(),
        envelopes,
    }
}

fn decode_document(envelope: &Bytes) -> Result<Envelope, BusError> {
    decode(envelope).or(Err(BusError::Unexpected("envelope")))
}
