//! Look-ups of single documents.

use std::sync::{Mutex, PoisonError};

use bytes::Bytes;
use redis::{Pipeline, RedisError, aio::MultiplexedConnection};
use shared::{ResourceKey, codec::decode};

use super::{
    RedisBus,
    deadline::OPERATION_TIMEOUT,
    keys::build_text,
    meta::{self, Fields},
};
use crate::{Build, BusError, Lookup, Meta};

/// How the snapshot was divided when last seen: with it a look-up takes one round trip. It is
/// checked against meta each time.
#[derive(Debug, Default)]
pub(super) struct Layout {
    seen: Mutex<Option<(Build, u32)>>,
}

impl Layout {
    fn seen(&self) -> Option<(Build, u32)> {
        *self.seen.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn see(&self, layout: Option<(Build, u32)>) {
        *self.seen.lock().unwrap_or_else(PoisonError::into_inner) = layout;
    }
}

impl RedisBus {
    pub(super) async fn look_up(&self, key: &ResourceKey) -> Result<Lookup, BusError> {
        let meta = match self.look_up_at(self.inner.layout.seen(), key).await? {
            Seen::Document(lookup) => return Ok(lookup),
            Seen::OtherLayout(meta) => meta,
        };
        let layout = Some((meta.build, meta.buckets));
        self.inner.layout.see(layout);
        match self.look_up_at(layout, key).await? {
            Seen::Document(lookup) => Ok(lookup),
            // A rebuild began just now; its snapshot is incomplete in any case.
            Seen::OtherLayout(meta) => Ok(Lookup {
                meta: Some(meta),
                is_intact: false,
                envelope: None,
            }),
        }
    }

    async fn look_up_at(
        &self,
        layout: Option<(Build, u32)>,
        key: &ResourceKey,
    ) -> Result<Seen, BusError> {
        // With no layout known this reads some bucket that is never there.
        let (build, buckets) = layout.unwrap_or((Build(0), 1));
        let keys = &self.inner.keys;
        let mut read = Pipeline::with_capacity(2);
        read.add_command(meta::read(keys));
        read.cmd("HMGET")
            .arg(keys.bucket(build, key.bucket(buckets)))
            .arg("")
            .arg(key.as_str());
        let (fields, [mark, envelope]) = self
            .inner
            .connection
            .run("reading a document", OPERATION_TIMEOUT, |connection| {
                read_both(read, connection)
            })
            .await?;
        let meta = match meta::parse(&fields)? {
            Some(meta) if layout != Some((meta.build, meta.buckets)) => {
                return Ok(Seen::OtherLayout(meta));
            }
            meta => meta,
        };
        let is_intact =
            meta.is_some() && mark.is_some_and(|mark| mark == build_text(build).as_bytes());
        Ok(Seen::Document(Lookup {
            meta,
            is_intact,
            envelope: envelope
                .filter(|_| is_intact)
                .map(|envelope| decode(&Bytes::from(envelope)))
                .transpose()
                .or(Err(BusError::Unexpected("envelope")))?,
        }))
    }
}

/// What a look-up by some layout met.
enum Seen {
    Document(Lookup),
    OtherLayout(Meta),
}

type Both = (Fields, [Option<Vec<u8>>; 2]);

async fn read_both(
    read: Pipeline,
    mut connection: MultiplexedConnection,
) -> Result<Both, RedisError> {
    read.query_async(&mut connection).await
}
