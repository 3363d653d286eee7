//! The writers' side of the bus over Redis.

use async_trait::async_trait;
use bytes::Bytes;
use redis::{Cmd, Value};
use shared::{
    Heartbeat, ResourceKey, Sequence,
    codec::{encode_heartbeat, encode_notice, encode_slot},
    feed::Probe,
    limits::PROBES_MAX,
};

use super::{
    RedisBus,
    deadline::OPERATION_TIMEOUT,
    keys::build_text,
    meta,
    scripts::{self, Answer},
    segment_of,
};
use crate::{
    Begin, Build, BusError, Held, Meta, Names, Publication, PublishOutcome, Publisher, Refusal,
    limits::{ADVANCE_MAX, BUCKETS_MAX, INLINE_BYTES_MAX, LOG_SEGMENT_SLOTS, PENDING_MAX},
    stored::sequence_of,
};

/// Publications sent by one round trip, at most.
const BATCH_PUBLICATIONS_MAX: usize = 256;

/// Octets of envelopes after which a round trip takes no more publications.
const BATCH_BYTES_MAX: usize = 1024 * 1024;

#[async_trait]
impl Publisher for RedisBus {
    async fn meta(&self) -> Result<Option<Meta>, BusError> {
        let read = meta::read(&self.inner.keys);
        let fields = self
            .inner
            .connection
            .run(
                "reading meta",
                OPERATION_TIMEOUT,
                |mut connection| async move { read.query_async(&mut connection).await },
            )
            .await?;
        meta::parse(&fields)
    }

    async fn publish(
        &self,
        build: Build,
        publications: &[Publication],
    ) -> Result<Vec<PublishOutcome>, BusError> {
        let mut outcomes = Vec::with_capacity(publications.len());
        let mut rest = publications;
        while !rest.is_empty() {
            let (batch, after) = rest.split_at(batch_len(rest));
            outcomes.extend(self.publish_batch(build, batch).await?);
            rest = after;
        }
        Ok(outcomes)
    }

    async fn begin(&self, begin: &Begin) -> Result<Result<(), Refusal>, BusError> {
        begin.check()?;
        let begun = self.begin_build(begin).await?;
        if begun.is_ok() {
            self.drop_other_builds(begin.build).await;
        }
        Ok(begun)
    }

    async fn chunk(
        &self,
        build: Build,
        index: u64,
        envelopes: &[(ResourceKey, Bytes)],
    ) -> Result<Result<(), Refusal>, BusError> {
        self.store_chunk(build, index, envelopes).await
    }

    async fn mend(
        &self,
        term: u64,
        build: Build,
        envelopes: &[(ResourceKey, Bytes)],
    ) -> Result<Result<u64, Refusal>, BusError> {
        self.mend_documents(term, build, envelopes).await
    }

    async fn purge(
        &self,
        term: u64,
        build: Build,
        tombstones: &[(ResourceKey, Sequence)],
    ) -> Result<Result<u64, Refusal>, BusError> {
        self.purge_tombstones(term, build, tombstones).await
    }

    async fn held(
        &self,
        build: Build,
        keys: &[ResourceKey],
    ) -> Result<Result<Vec<Held>, Refusal>, BusError> {
        self.read_held(build, keys).await
    }

    async fn names(
        &self,
        build: Build,
        bucket: u32,
        fields_max: u64,
    ) -> Result<Result<Names, Refusal>, BusError> {
        self.read_names(build, bucket, fields_max).await
    }

    async fn finish(&self, build: Build, chunks: u64) -> Result<Result<(), Refusal>, BusError> {
        self.finish_build(build, chunks).await
    }

    async fn probes(&self) -> Result<Vec<Probe>, BusError> {
        let mut read = redis::cmd("HGETALL");
        read.arg(self.inner.keys.probes());
        let probes: Vec<(String, u64)> = self
            .inner
            .connection
            .run(
                "reading probes",
                OPERATION_TIMEOUT,
                |mut connection| async move { read.query_async(&mut connection).await },
            )
            .await?;
        let probes = probes.into_iter().take(PROBES_MAX);
        Ok(probes
            .map(|(reader, nonce)| Probe { reader, nonce })
            .collect())
    }

    async fn heartbeat(&self, heartbeat: &Heartbeat) -> Result<(), BusError> {
        let mut send = redis::cmd("PUBLISH");
        send.arg(self.inner.keys.feed())
            .arg(&encode_heartbeat(heartbeat)[..]);
        self.inner
            .connection
            .run(
                "sending a heartbeat",
                OPERATION_TIMEOUT,
                |mut connection| async move { send.exec_async(&mut connection).await },
            )
            .await
    }
}

/// How many of these publications, at least 1, go by one round trip.
fn batch_len(publications: &[Publication]) -> usize {
    let mut octets = 0;
    let fitting = publications
        .iter()
        .take(BATCH_PUBLICATIONS_MAX)
        .take_while(|publication| {
            octets += publication.envelope.len();
            octets <= BATCH_BYTES_MAX
        })
        .count();
    fitting.max(1)
}

impl RedisBus {
    async fn publish_batch(
        &self,
        build: Build,
        batch: &[Publication],
    ) -> Result<Vec<PublishOutcome>, BusError> {
        let calls = batch
            .iter()
            .map(|publication| self.publish_call(build, publication))
            .collect();
        let script = &self.inner.scripts.publish;
        let answers =
            self.inner
                .connection
                .run(
                    "publishing",
                    OPERATION_TIMEOUT,
                    |mut connection| async move {
                        scripts::run_all(&mut connection, script, calls).await
                    },
                )
                .await?;
        answers.iter().map(outcome).collect()
    }

    fn publish_call(&self, build: Build, publication: &Publication) -> Cmd {
        debug_assert_eq!(
            sequence_of(&publication.envelope),
            Some(publication.sequence.0),
            "a publication bears its envelope's sequence"
        );
        let keys = &self.inner.keys;
        let slot = &publication.slot;
        let number = slot.position.sequence.0;
        let is_inline = publication.envelope.len() <= INLINE_BYTES_MAX;
        let header = if is_inline {
            encode_slot(slot)
        } else {
            encode_notice(slot)
        };
        let mut call = scripts::call(
            &self.inner.scripts.publish,
            &[
                &keys.meta(),
                &keys.log_segment(build, segment_of(number)),
                &keys.pending(build),
                &keys.feed(),
            ],
        );
        call.arg(slot.position.epoch.0)
            .arg(build_text(build))
            .arg(number)
            .arg(&slot.prev_link.0.to_be_bytes())
            .arg(&slot.link.0.to_be_bytes())
            .arg(publication.key.as_str())
            .arg(publication.sequence.0)
            .arg(&publication.envelope[..])
            .arg(&header[..])
            .arg(u8::from(is_inline))
            .arg(keys.bucket_prefix(build))
            .arg(publication.key.bucket(BUCKETS_MAX))
            .arg(keys.log_prefix(build))
            .arg(self.log_segments)
            .arg(LOG_SEGMENT_SLOTS)
            .arg(PENDING_MAX)
            .arg(ADVANCE_MAX);
        call
    }
}

fn outcome(answer: &Value) -> Result<PublishOutcome, BusError> {
    match Answer::parse(answer)? {
        Answer::Number(through) => Ok(PublishOutcome::Published(Sequence(through))),
        Answer::Duplicate => Ok(PublishOutcome::Duplicate),
        Answer::Refused(refusal) => Ok(PublishOutcome::Refused(refusal)),
        Answer::Done => Err(BusError::Unexpected("answer of publish.lua")),
    }
}
