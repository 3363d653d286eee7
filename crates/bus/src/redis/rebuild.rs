//! Rebuilds and repairs of the snapshot in Redis.

use std::time::Duration;

use bytes::Bytes;
use redis::{Cmd, RedisError, Script, aio::MultiplexedConnection};
use shared::{ResourceKey, Sequence};
use tokio::time::timeout;

use super::{
    RedisBus,
    deadline::{BULK_TIMEOUT, OPERATION_TIMEOUT},
    keys::build_text,
    scripts::{self, Answer},
};
use crate::{Begin, Build, BusError, Refusal, limits::BUCKETS_MAX};

/// Keys looked at, and at most about as many dropped, by one step of clearing up.
const DROP_KEYS: usize = 512;

impl RedisBus {
    pub(super) async fn begin_build(&self, begin: &Begin) -> Result<Result<(), Refusal>, BusError> {
        let keys = &self.inner.keys;
        let script = &self.inner.scripts.begin;
        let mut call = scripts::call(script, &[&keys.meta(), &keys.pending(begin.build)]);
        call.arg(begin.term)
            .arg(begin.epoch.0)
            .arg(build_text(begin.build))
            .arg(begin.head.0)
            .arg(&begin.link.0.to_be_bytes())
            .arg(begin.buckets)
            .arg(keys.bucket_prefix(begin.build));
        Ok(self
            .answer("beginning a rebuild", BULK_TIMEOUT, script, call)
            .await?
            .done())
    }

    pub(super) async fn store_chunk(
        &self,
        build: Build,
        index: u64,
        envelopes: &[(ResourceKey, Bytes)],
    ) -> Result<Result<(), Refusal>, BusError> {
        let script = &self.inner.scripts.chunk;
        let mut call = self.documents_call(script, build, index);
        for (key, envelope) in envelopes {
            add_document(&mut call, key, &envelope[..]);
        }
        Ok(self
            .answer("storing a chunk", BULK_TIMEOUT, script, call)
            .await?
            .done())
    }

    pub(super) async fn finish_build(
        &self,
        build: Build,
        chunks: u64,
    ) -> Result<Result<(), Refusal>, BusError> {
        let script = &self.inner.scripts.finish;
        let mut call = scripts::call(script, &[&self.inner.keys.meta()]);
        call.arg(build_text(build)).arg(chunks);
        Ok(self
            .answer("finishing a rebuild", OPERATION_TIMEOUT, script, call)
            .await?
            .done())
    }

    pub(super) async fn mend_documents(
        &self,
        term: u64,
        build: Build,
        envelopes: &[(ResourceKey, Bytes)],
    ) -> Result<Result<u64, Refusal>, BusError> {
        let script = &self.inner.scripts.mend;
        let mut call = self.documents_call(script, build, term);
        for (key, envelope) in envelopes {
            add_document(&mut call, key, &envelope[..]);
        }
        Ok(self
            .answer("mending", BULK_TIMEOUT, script, call)
            .await?
            .counted())
    }

    pub(super) async fn purge_tombstones(
        &self,
        term: u64,
        build: Build,
        tombstones: &[(ResourceKey, Sequence)],
    ) -> Result<Result<u64, Refusal>, BusError> {
        let script = &self.inner.scripts.purge;
        let mut call = self.documents_call(script, build, term);
        for (key, sequence) in tombstones {
            add_document(&mut call, key, sequence.0.to_string().as_bytes());
        }
        Ok(self
            .answer("purging tombstones", BULK_TIMEOUT, script, call)
            .await?
            .counted())
    }

    /// Drops the keys of all other builds, those of rebuilds that were never finished and of
    /// builds whose meta was lost among them. Paced: steps of at most [`DROP_KEYS`], each freed in
    /// Redis' background. What fails or takes too long here is left for the next rebuild.
    pub(crate) async fn drop_other_builds(&self, build: Build) {
        match timeout(BULK_TIMEOUT, self.drop_all(build)).await {
            Ok(Ok(())) => {}
            Ok(Err(error)) => tracing::warn!(?error, "earlier builds were not dropped"),
            Err(_elapsed) => tracing::warn!("earlier builds are not all dropped yet"),
        }
    }

    async fn drop_all(&self, build: Build) -> Result<(), BusError> {
        let pattern = self.inner.keys.pattern();
        let mut cursor = 0;
        loop {
            let mut scan = redis::cmd("SCAN");
            scan.arg(cursor).arg("MATCH").arg(&pattern);
            scan.arg("COUNT").arg(DROP_KEYS);
            let (next, mut found) = self
                .inner
                .connection
                .run(
                    "looking for earlier builds",
                    OPERATION_TIMEOUT,
                    |connection| scan_step(scan, connection),
                )
                .await?;
            found.retain(|key| self.inner.keys.is_of_other_build(key, build));
            if !found.is_empty() && self.drop_keys(build, &found).await?.is_err() {
                // Another rebuild has begun: it drops this one.
                return Ok(());
            }
            if next == 0 {
                return Ok(());
            }
            cursor = next;
        }
    }

    async fn drop_keys(
        &self,
        build: Build,
        found: &[Vec<u8>],
    ) -> Result<Result<(), Refusal>, BusError> {
        let script = &self.inner.scripts.drop;
        let mut call = redis::cmd("EVALSHA");
        call.arg(script.get_hash())
            .arg(1 + found.len())
            .arg(self.inner.keys.meta())
            .arg(found)
            .arg(build_text(build));
        Ok(self
            .answer("dropping an earlier build", OPERATION_TIMEOUT, script, call)
            .await?
            .done())
    }

    /// The call of a script that takes a build, a number and documents.
    fn documents_call(&self, script: &Script, build: Build, number: u64) -> Cmd {
        let keys = &self.inner.keys;
        let mut call = scripts::call(script, &[&keys.meta()]);
        call.arg(build_text(build))
            .arg(number)
            .arg(keys.bucket_prefix(build));
        call
    }

    /// Runs one call of a script.
    pub(super) async fn answer(
        &self,
        operation: &'static str,
        limit: Duration,
        script: &Script,
        call: Cmd,
    ) -> Result<Answer, BusError> {
        let answer = self
            .inner
            .connection
            .run(operation, limit, |mut connection| async move {
                scripts::run(&mut connection, script, call).await
            })
            .await?;
        Answer::parse(&answer)
    }
}

async fn scan_step(
    scan: Cmd,
    mut connection: MultiplexedConnection,
) -> Result<(u64, Vec<Vec<u8>>), RedisError> {
    scan.query_async(&mut connection).await
}

fn add_document(call: &mut Cmd, key: &ResourceKey, value: &[u8]) {
    call.arg(key.bucket(BUCKETS_MAX))
        .arg(key.as_str())
        .arg(value);
}
