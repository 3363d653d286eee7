//! A private Redis with a snapshot in it, and the leader's heartbeats.

use std::{
    sync::{
        Arc,
        atomic::{AtomicU64, Ordering},
    },
    time::{Duration, SystemTime, UNIX_EPOCH},
};

use bus::{Begin, Build, Publication, PublishOutcome, Publisher, RedisBus};
use bytes::Bytes;
use service::process::BoxError;
use shared::{Heartbeat, Position, ResourceKey, Sequence, Timestamp};
use testkit::{
    builders::{EPOCH, envelope, key, link, slot},
    redis::RedisServer,
};

/// Documents in one chunk of a rebuild.
const CHUNK: u64 = 256;

/// Documents that a bucket holds, as near as a power of two of buckets comes.
const BUCKET: u64 = 512;

/// A Redis that holds a complete snapshot.
pub(super) struct Stage {
    pub(super) server: RedisServer,
    pub(super) bus: RedisBus,
    pub(super) build: Build,
    /// The head that heartbeats tell.
    pub(super) head: Arc<AtomicU64>,
}

impl Stage {
    /// Rebuilds a snapshot of `documents` posts by the code that a leader uses.
    pub(super) async fn with(documents: u64) -> Result<Self, BoxError> {
        let server = RedisServer::start().await;
        let bus = RedisBus::open(&server.url(), RedisBus::NAMESPACE)?;
        let build = Build(1);
        let buckets = (documents / BUCKET).max(1).next_power_of_two();
        let begin = Begin {
            term: 1,
            epoch: EPOCH,
            build,
            head: Sequence(documents),
            link: link(documents),
            buckets: u32::try_from(buckets)?,
        };
        refused(bus.begin(&begin).await?)?;
        let mut chunks = 0;
        let mut first = 1;
        while first <= documents {
            let last = documents.min(first + CHUNK - 1);
            let chunk: Vec<(ResourceKey, Bytes)> = (first..=last)
                .map(|number| (key(&id(number)), post(number, number)))
                .collect();
            refused(bus.chunk(build, chunks, &chunk).await?)?;
            chunks += 1;
            first = last + 1;
        }
        refused(bus.finish(build, chunks).await?)?;
        let head = Arc::new(AtomicU64::new(documents));
        tokio::spawn(beat(bus.clone(), Arc::clone(&head)));
        Ok(Self {
            server,
            bus,
            build,
            head,
        })
    }

    /// The names of all buckets.
    pub(super) async fn buckets(&self) -> Vec<String> {
        self.server.command(&["KEYS", "*:snap:*"]).await
    }

    /// Seconds of processor time that Redis has used.
    pub(super) async fn processor_time(&self) -> Duration {
        let info: String = self.server.command(&["INFO", "cpu"]).await;
        let seconds = |name: &str| {
            let line = info.lines().find_map(|line| line.strip_prefix(name));
            line.and_then(|value| value.parse().ok()).unwrap_or(0.0)
        };
        Duration::from_secs_f64(seconds("used_cpu_user:") + seconds("used_cpu_sys:"))
    }

    /// Publishes, and holds that all of it was taken.
    pub(super) async fn publish(&self, publications: &[Publication]) -> Result<(), BoxError> {
        let outcomes = self.bus.publish(self.build, publications).await?;
        let taken = |outcome: &PublishOutcome| matches!(outcome, PublishOutcome::Published(_));
        if !outcomes.iter().all(taken) {
            return Err(format!("the bus did not take all: {outcomes:?}").into());
        }
        if let Some(last) = publications.last() {
            let head = last.slot.position.sequence.0;
            self.head.store(head, Ordering::Relaxed);
        }
        Ok(())
    }
}

/// Change `number`, of document `document`.
pub(super) fn change(number: u64, document: u64) -> Publication {
    Publication {
        slot: slot(number),
        sequence: Sequence(number),
        key: key(&id(document)),
        envelope: post(document, number),
        traced: None,
    }
}

/// Position `number`.
pub(super) fn position(number: u64) -> Position {
    Position::new(EPOCH, Sequence(number))
}

/// The envelope of a post of about 370 octets.
fn post(document: u64, sequence: u64) -> Bytes {
    let title = format!("Post number {document}");
    let words = "Print once, read everywhere: finished bytes, made by the writer. ";
    let content = words.repeat(5);
    let body = format!(
        r#"{{"title":"{title}","content":"{}","author":"author-{}"}}"#,
        &content[..300],
        document % 1000
    );
    let envelope = envelope().key(&id(document)).sequence(sequence);
    envelope.version(sequence).put(body.as_bytes()).encode()
}

fn id(document: u64) -> String {
    format!("post-{document:08}")
}

/// As a leader does: probes first, then the head.
#[expect(clippy::infinite_loop, reason = "it ends with the runtime")]
#[expect(
    clippy::disallowed_methods,
    reason = "stands in for the database's clock"
)]
async fn beat(bus: RedisBus, head: Arc<AtomicU64>) {
    let mut ticks = tokio::time::interval(Duration::from_millis(250));
    loop {
        ticks.tick().await;
        let Ok(probes) = bus.probes().await else {
            continue;
        };
        let number = head.load(Ordering::Relaxed);
        let now = SystemTime::now().duration_since(UNIX_EPOCH);
        let micros = now.unwrap_or_default().as_micros();
        let heartbeat = Heartbeat {
            head: position(number),
            link: link(number),
            database_time: Timestamp(i64::try_from(micros).unwrap_or(i64::MAX)),
            probes,
        };
        // Redis ends when the stage does.
        drop(bus.heartbeat(&heartbeat).await);
    }
}

fn refused<T>(done: Result<T, bus::Refusal>) -> Result<T, BoxError> {
    done.map_err(|refusal| format!("refused: {refusal:?}").into())
}
