//! The writers' side of the bus over Redis.

use async_trait::async_trait;
use bytes::Bytes;
use redis::{Cmd, Value};
use shared::{
    Heartbeat, ResourceKey, Sequence,
    codec::{encode_batch, encode_heartbeat, encode_length, encode_notice, encode_slot},
    feed::Probe,
    limits::PROBES_MAX,
};

use super::{
    RedisBus,
    deadline::OPERATION_TIMEOUT,
    keys::build_text,
    meta,
    scripts::{self, Answer},
};
use crate::{
    Begin, Build, BusError, Held, Meta, Names, Publication, PublishOutcome, Publisher, Refusal,
    Registration,
    limits::{ADVANCE_MAX, BUCKETS_MAX, LOG_SEGMENT_SLOTS, PENDING_MAX},
    stored::sequence_of,
};

/// Publications that one call of the script takes, at most.
const CALL_PUBLICATIONS_MAX: usize = 128;

/// Octets of envelopes after which a call takes no more publications. A call sends one message,
/// which with this stays well below what makes Redis cut subscribers off in a burst; and keeps Redis
/// from everybody else for a fraction of a millisecond.
const CALL_BYTES_MAX: usize = 32 * 1024;

/// Publications sent by one round trip, at most: what writers commit and hand over together.
const BATCH_PUBLICATIONS_MAX: usize = 512;

/// Octets of envelopes after which a round trip takes no more publications.
const BATCH_BYTES_MAX: usize = 1024 * 1024;

#[async_trait]
impl Publisher for RedisBus {
    fn system(&self) -> &'static str {
        "redis"
    }

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
            let len = fitting(rest, BATCH_PUBLICATIONS_MAX, BATCH_BYTES_MAX);
            let (batch, after) = rest.split_at(len);
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

    async fn readers(&self) -> Result<Vec<Registration>, BusError> {
        self.list_readers().await
    }

    async fn heartbeat(&self, heartbeat: &Heartbeat) -> Result<(), BusError> {
        let mut send = redis::cmd(self.publishing());
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

/// How many of these publications, at least 1, keep both limits.
fn fitting(publications: &[Publication], count_max: usize, bytes_max: usize) -> usize {
    let mut octets = 0;
    let fitting = publications
        .iter()
        .take(count_max)
        .take_while(|publication| {
            octets += publication.envelope.len();
            octets <= bytes_max
        })
        .count();
    fitting.max(1)
}

/// Divides what goes by one round trip into what each call of the script takes: of one epoch, and
/// within the limits of a call.
fn calls_of(batch: &[Publication]) -> impl Iterator<Item = &[Publication]> {
    let epoch = |publication: &Publication| publication.slot.position.epoch;
    batch
        .chunk_by(move |one, next| epoch(one) == epoch(next))
        .flat_map(|mut rest| {
            std::iter::from_fn(move || {
                let len = fitting(rest, CALL_PUBLICATIONS_MAX, CALL_BYTES_MAX);
                let (call, after) = rest.split_at_checked(len)?;
                rest = after;
                Some(call)
            })
        })
}

impl RedisBus {
    /// The command that sends a message. In a Cluster the plain one goes to every node, where
    /// messages pile up for those that are slow (redis #14310).
    fn publishing(&self) -> &'static str {
        if self.inner.connection.master().is_sharded() {
            "SPUBLISH"
        } else {
            "PUBLISH"
        }
    }

    async fn publish_batch(
        &self,
        build: Build,
        batch: &[Publication],
    ) -> Result<Vec<PublishOutcome>, BusError> {
        let calls = calls_of(batch)
            .map(|publications| self.publish_call(build, publications))
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
        let mut outcomes = Vec::with_capacity(batch.len());
        for (answer, publications) in answers.iter().zip(calls_of(batch)) {
            add_outcomes(&mut outcomes, answer, publications.len())?;
        }
        Ok(outcomes)
    }

    /// Publishes changes of one epoch.
    fn publish_call(&self, build: Build, publications: &[Publication]) -> Cmd {
        let keys = &self.inner.keys;
        let mut call = scripts::call(
            &self.inner.scripts.publish,
            &[&keys.meta(), &keys.pending(build), &keys.feed()],
        );
        let epoch = publications.first().map(|one| one.slot.position.epoch.0);
        call.arg(epoch)
            .arg(build_text(build))
            .arg(keys.bucket_prefix(build))
            .arg(keys.log_prefix(build))
            .arg(self.log_segments)
            .arg(LOG_SEGMENT_SLOTS)
            .arg(PENDING_MAX)
            .arg(ADVANCE_MAX)
            .arg(&encode_batch())
            .arg(self.publishing());
        for publication in publications {
            add_publication(&mut call, publication);
        }
        call
    }
}

fn add_publication(call: &mut Cmd, publication: &Publication) {
    debug_assert_eq!(
        sequence_of(&publication.envelope),
        Some(publication.sequence.0),
        "a publication bears its envelope's sequence"
    );
    let slot = &publication.slot;
    let links = [slot.prev_link.0.to_be_bytes(), slot.link.0.to_be_bytes()];
    let sent = publication.sent();
    let header = if sent.is_some() {
        encode_slot(slot)
    } else {
        encode_notice(slot)
    };
    let length = encode_length(header.len() + sent.map_or(0, Bytes::len));
    // What is sent as it is stored is handed over once, and joined there.
    let traced = publication.traced.as_ref();
    let traced = traced.filter(|traced| sent == Some(*traced));
    let is_inline = sent.is_some() && traced.is_none();
    let follows = traced.map_or(&[][..], |traced| traced);
    call.arg(slot.position.sequence.0)
        .arg(links.as_flattened())
        .arg(publication.key.as_str())
        .arg(publication.key.bucket(BUCKETS_MAX))
        .arg(publication.sequence.0)
        .arg(&publication.envelope[..])
        .arg([&length[..], &header, follows].concat())
        .arg(u8::from(is_inline));
}

/// What a call says of each of its `len` publications.
fn add_outcomes(
    outcomes: &mut Vec<PublishOutcome>,
    answer: &Value,
    len: usize,
) -> Result<(), BusError> {
    match answer {
        Value::Array(answers) if answers.len() == len => {
            for answer in answers {
                outcomes.push(outcome(answer)?);
            }
            Ok(())
        }
        Value::Array(_) => Err(BusError::Unexpected("answer of publish.lua")),
        word => {
            let outcome = outcome(word)?;
            outcomes.extend(std::iter::repeat_n(outcome, len));
            Ok(())
        }
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
