//! Reads of a whole snapshot.

use std::fmt;

use async_trait::async_trait;
use bytes::Bytes;
use redis::{Pipeline, aio::MultiplexedConnection};
use shared::codec::decode;

use super::{
    RedisBus,
    deadline::{BULK_TIMEOUT, OPERATION_TIMEOUT, within},
    keys::build_text,
    meta::{self, Fields},
};
use crate::{BucketRead, Build, BusError, Meta, SnapshotReader};

/// One connection that reads one snapshot and fails with it.
pub(super) struct RedisSnapshot {
    bus: RedisBus,
    connection: MultiplexedConnection,
}

impl RedisSnapshot {
    pub(super) fn new(bus: RedisBus, connection: MultiplexedConnection) -> Self {
        Self { bus, connection }
    }
}

#[async_trait]
impl SnapshotReader for RedisSnapshot {
    async fn meta(&mut self) -> Result<Option<Meta>, BusError> {
        let read = meta::read(&self.bus.inner.keys);
        let answer = read.query_async::<Fields>(&mut self.connection);
        meta::parse(&within(OPERATION_TIMEOUT, "reading meta", answer).await?)
    }

    async fn buckets(
        &mut self,
        build: Build,
        indexes: &[u32],
    ) -> Result<Vec<BucketRead>, BusError> {
        let mut read = Pipeline::with_capacity(indexes.len());
        for &index in indexes {
            read.cmd("HGETALL")
                .arg(self.bus.inner.keys.bucket(build, index));
        }
        let answer = read.query_async::<Vec<Fieldset>>(&mut self.connection);
        let buckets = within(BULK_TIMEOUT, "reading buckets", answer).await?;
        let mark = build_text(build);
        Ok(buckets
            .into_iter()
            .map(|fields| read_bucket(fields, mark.as_bytes()))
            .collect())
    }
}

/// A hash as Redis gives it.
type Fieldset = Vec<(Vec<u8>, Vec<u8>)>;

fn read_bucket(fields: Fieldset, mark: &[u8]) -> BucketRead {
    let mut is_marked = false;
    let mut envelopes = Vec::with_capacity(fields.len());
    let mut undecodable = 0;
    for (field, value) in fields {
        if field.is_empty() {
            is_marked = value == mark;
            continue;
        }
        // The library gives each value as an allocation of its own and of its exact size, so an
        // envelope made of it keeps nothing else alive.
        match decode(&Bytes::from(value)) {
            Ok(envelope) if envelope.key.as_str().as_bytes() == field => envelopes.push(envelope),
            Ok(_) | Err(_) => undecodable += 1,
        }
    }
    if is_marked {
        BucketRead::Intact {
            envelopes,
            undecodable,
        }
    } else {
        BucketRead::Lost
    }
}

impl fmt::Debug for RedisSnapshot {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("RedisSnapshot")
            .field("bus", &self.bus)
            .finish_non_exhaustive()
    }
}
