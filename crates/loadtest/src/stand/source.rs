//! A feed without a writer: many documents put into a Redis through the bus, and a leader's
//! heartbeats from then on. A writer would take minutes to commit as many.

use std::{convert::Infallible, time::Duration};

use bus::{Begin, Build, Publication, PublishOutcome, Publisher, RedisBus};
use bytes::Bytes;
use service::process::BoxError;
use shared::{Heartbeat, Position, ResourceKey, Sequence, Timestamp, feed::Probe};
use testkit::builders::{EPOCH, envelope, key, link, slot};
use tokio::{
    task::JoinSet,
    time::{MissedTickBehavior, interval},
};

use super::posts;

/// Envelopes in one chunk of a rebuild; the bus takes no more.
const CHUNK: u64 = 256;

/// How often the leader of a real deployment beats.
const BEAT: Duration = Duration::from_millis(250);

/// How often changes are published while a rate is kept: that many milliseconds' worth at once.
const PUBLISH_TICK: Duration = Duration::from_millis(5);

const BUILD: Build = Build(1);

/// Any time will do: nothing expires.
const TIME: Timestamp = Timestamp(1_790_000_000_000_000);

/// The documents of a Redis, and whoever keeps them fresh. Beating and publishing end with it.
#[derive(Debug)]
pub(crate) struct Source {
    /// Octets of JSON, all documents together.
    pub(crate) octets: u64,
    /// Beats, and publishes.
    tasks: JoinSet<Result<Infallible, BoxError>>,
}

impl Source {
    /// Fills an empty Redis with posts `post-0000000` and on, each of its own octets, and beats from
    /// now on. With a `rate`, that many changes a second follow, each of another document. Needs
    /// the runtime to be free: whatever blocks it stops the heart.
    ///
    /// # Errors
    /// The bus is away or refuses.
    pub(crate) async fn start(
        redis: &str,
        documents: u64,
        rate: Option<u64>,
    ) -> Result<Self, BoxError> {
        let bus = RedisBus::open(redis, RedisBus::NAMESPACE)?;
        let octets = fill(&bus, documents).await?;
        let mut tasks = JoinSet::new();
        tasks.spawn(live(bus, documents, rate.unwrap_or(0)));
        Ok(Self { octets, tasks })
    }

    /// Whether it still beats and publishes.
    ///
    /// # Errors
    /// It has stopped; why.
    pub(crate) fn check(&mut self) -> Result<(), BoxError> {
        match self.tasks.try_join_next() {
            None => Ok(()),
            Some(ended) => Err(format!("the feed ended: {ended:?}").into()),
        }
    }
}

/// Octets of all of them.
async fn fill(bus: &RedisBus, documents: u64) -> Result<u64, BoxError> {
    let buckets = u32::try_from((documents / 512).max(1))?.next_power_of_two();
    let begin = Begin {
        term: 1,
        epoch: EPOCH,
        build: BUILD,
        head: Sequence(documents),
        link: link(documents),
        buckets,
    };
    let refused = |refusal| format!("the bus refuses: {refusal:?}");
    bus.begin(&begin).await?.map_err(refused)?;
    let mut octets = 0;
    let chunks = documents.div_ceil(CHUNK);
    for chunk in 0..chunks {
        let numbers = chunk * CHUNK..documents.min((chunk + 1) * CHUNK);
        let envelopes: Vec<(ResourceKey, Bytes)> = numbers
            .map(|number| {
                let post = posts::stored(number, 0);
                octets += post.len() as u64;
                document(number, number + 1, &post)
            })
            .collect();
        let stored = bus.chunk(BUILD, chunk, &envelopes).await?;
        stored.map_err(refused)?;
    }
    bus.finish(BUILD, chunks).await?.map_err(refused)?;
    Ok(octets)
}

fn document(number: u64, sequence: u64, post: &[u8]) -> (ResourceKey, Bytes) {
    let id = posts::id(number);
    let envelope = envelope().key(&id).sequence(sequence).put(post);
    (key(&id), envelope.encode())
}

/// Beats and publishes for ever. One task, so that no heartbeat tells of a head that is not
/// published yet.
async fn live(bus: RedisBus, documents: u64, rate: u64) -> Result<Infallible, BoxError> {
    let mut beat = interval(BEAT);
    let mut tick = interval(PUBLISH_TICK);
    // What was late is made up for, so that the rate holds.
    tick.set_missed_tick_behavior(MissedTickBehavior::Burst);
    let ticks_per_second = 1000 / u64::try_from(PUBLISH_TICK.as_millis()).unwrap_or(1);
    let mut head = documents;
    let mut ticks = 0;
    loop {
        tokio::select! {
            _ = beat.tick() => {
                let probes: Vec<Probe> = bus.probes().await?;
                let head = Position::new(EPOCH, Sequence(head));
                let link = link(head.sequence.0);
                bus.heartbeat(&Heartbeat { head, link, database_time: TIME, probes }).await?;
            }
            _ = tick.tick(), if rate > 0 => {
                ticks += 1;
                let through = documents + rate * ticks / ticks_per_second;
                let changes: Vec<_> = (head + 1..=through)
                    .map(|sequence| change(sequence, documents))
                    .collect();
                for outcome in bus.publish(BUILD, &changes).await? {
                    if !matches!(outcome, PublishOutcome::Published(_)) {
                        return Err(format!("published: {outcome:?}").into());
                    }
                }
                head = through;
            }
        }
    }
}

/// Each change is of another document, all over the set.
fn change(sequence: u64, documents: u64) -> Publication {
    let number = posts::scattered(sequence, documents);
    let (key, envelope) = document(number, sequence, &posts::stored(number, sequence));
    Publication {
        slot: slot(sequence),
        sequence: Sequence(sequence),
        key,
        envelope,
        traced: None,
    }
}
