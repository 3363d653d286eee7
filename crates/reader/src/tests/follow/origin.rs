//! The writer's part: a history of documents, brought to the bus as the protocol asks for.

use std::{
    collections::BTreeMap,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
    time::Duration,
};

use bus::{Begin, Build, MemoryBus, Publication, PublishOutcome, Publisher};
use bytes::Bytes;
use shared::{
    Epoch, Heartbeat, Link, Position, ResourceKey, Sequence, Slot, Timestamp, feed::Probe,
};
use testkit::builders::{self, EPOCH, EnvelopeBuilder, envelope};
use tokio::time::{Instant, interval};

/// Buckets of each snapshot.
pub(super) const BUCKETS: u32 = 4;

/// A database of documents and the bus that it is published to. Clones share both.
#[derive(Debug, Clone)]
pub(super) struct Origin {
    bus: MemoryBus,
    history: Arc<Mutex<History>>,
}

/// Everything that a database holds. A clone is a backup.
#[derive(Debug, Clone)]
pub(super) struct History {
    epoch: Epoch,
    head: Sequence,
    link: Link,
    documents: BTreeMap<String, EnvelopeBuilder>,
    /// Changes with their documents, as far as they are kept.
    changes: Vec<(Slot, String)>,
    build: Build,
    began: Instant,
}

/// A rebuild under way.
#[derive(Debug)]
#[must_use]
pub(super) struct Rebuild {
    bus: MemoryBus,
    build: Build,
    documents: Vec<(ResourceKey, Bytes)>,
}

impl Origin {
    /// An empty database over an empty bus.
    pub(super) fn new(bus: MemoryBus) -> Self {
        Self {
            bus,
            history: Arc::new(Mutex::new(History {
                epoch: EPOCH,
                head: Sequence::ZERO,
                link: Link::ZERO,
                documents: BTreeMap::new(),
                changes: Vec::new(),
                build: Build(0),
                began: Instant::now(),
            })),
        }
    }

    pub(super) fn bus(&self) -> &MemoryBus {
        &self.bus
    }

    pub(super) fn head(&self) -> Position {
        let history = self.lock();
        Position::new(history.epoch, history.head)
    }

    /// Commits and publishes a body for `posts/<id>`.
    pub(super) async fn put(&self, id: &str, body: &str) {
        let change = self.commit_put(id, body);
        self.publish(&change).await;
    }

    /// Commits and publishes that `posts/<id>` is deleted.
    pub(super) async fn delete(&self, id: &str) {
        let change = self.commit(id, EnvelopeBuilder::delete);
        self.publish(&change).await;
    }

    /// Commits a body and publishes nothing.
    pub(super) fn commit_put(&self, id: &str, body: &str) -> Publication {
        self.commit(id, |change| change.put(body.as_bytes()))
    }

    /// Commits a deletion and publishes nothing.
    pub(super) fn commit_delete(&self, id: &str) -> Publication {
        self.commit(id, EnvelopeBuilder::delete)
    }

    fn commit(
        &self,
        id: &str,
        make: impl FnOnce(EnvelopeBuilder) -> EnvelopeBuilder,
    ) -> Publication {
        let mut history = self.lock();
        let sequence = history.head.next();
        let prev_link = history.link;
        let link = Link(builders::link(sequence.0).0 ^ history.epoch.0);
        let change = envelope()
            .key(id)
            .epoch(history.epoch)
            .sequence(sequence.0)
            .links(prev_link, link)
            .updated_at(history.now());
        let change = make(change);
        history.head = sequence;
        history.link = link;
        history.documents.insert(id.to_owned(), change.clone());
        let slot = Slot {
            position: Position::new(history.epoch, sequence),
            prev_link,
            link,
        };
        history.changes.push((slot, id.to_owned()));
        Publication {
            slot,
            sequence,
            key: builders::key(id),
            envelope: change.encode(),
            traced: None,
        }
    }

    /// Forgets a tombstone, as pruning does.
    pub(super) fn purge(&self, id: &str) {
        let purged = self.lock().documents.remove(id);
        assert!(purged.is_some(), "there was {id}");
    }

    /// Publishes a change, which the bus takes.
    pub(super) async fn publish(&self, change: &Publication) {
        let outcome = self.try_publish(change).await;
        assert!(
            matches!(outcome, PublishOutcome::Published(_)),
            "{outcome:?}"
        );
    }

    pub(super) async fn try_publish(&self, change: &Publication) -> PublishOutcome {
        let build = self.lock().build;
        let published = self.bus.publish(build, std::slice::from_ref(change)).await;
        published.expect("the bus is here")[0]
    }

    /// Fills the bus with every document, in a new build.
    pub(super) async fn rebuild(&self) {
        self.begin_rebuild().await.finish().await;
    }

    /// The bus gets another body of `posts/<id>` under the same position.
    pub(super) async fn alter(&self, id: &str, body: &str) {
        let mut history = self.lock().clone();
        let document = history.documents.remove(id).expect("the document exists");
        let altered = document.put(body.as_bytes());
        history.documents.insert(id.to_owned(), altered);
        *self.lock() = history;
        self.rebuild().await;
    }

    /// Begins to fill the bus; the snapshot is incomplete until that is finished.
    pub(super) async fn begin_rebuild(&self) -> Rebuild {
        let (begin, documents) = self.next_build();
        let begun = self.bus.begin(&begin).await.expect("the bus is here");
        begun.expect("the bus takes the rebuild");
        Rebuild {
            bus: self.bus.clone(),
            build: begin.build,
            documents,
        }
    }

    fn next_build(&self) -> (Begin, Vec<(ResourceKey, Bytes)>) {
        let mut history = self.lock();
        history.build = Build(history.build.0 + 1);
        let documents = history.encode();
        let begin = Begin {
            term: history.build.0,
            epoch: history.epoch,
            build: history.build,
            head: history.head,
            link: history.link,
            buckets: BUCKETS,
        };
        (begin, documents)
    }

    pub(super) fn back_up(&self) -> History {
        self.lock().clone()
    }

    /// Goes back to a backup, which begins a new epoch.
    pub(super) fn restore(&self, backup: &History) {
        let mut history = self.lock();
        let (epoch, build) = (Epoch(history.epoch.0 + 1), history.build);
        *history = backup.clone();
        history.epoch = epoch;
        history.build = build;
    }

    /// Beats as a leader does, for ever: probes first, then the head.
    #[expect(clippy::infinite_loop, reason = "it ends with its task")]
    pub(super) async fn beat(self) {
        let mut ticks = interval(Duration::from_millis(250));
        loop {
            ticks.tick().await;
            let probes = self.bus.probes().await.unwrap_or_default();
            let heartbeat = self.lock().heartbeat(probes);
            // Where the bus is away, nobody hears it.
            drop(self.bus.heartbeat(&heartbeat).await);
        }
    }

    pub(super) fn lock(&self) -> MutexGuard<'_, History> {
        self.history.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl History {
    pub(super) fn heartbeat(&self, probes: Vec<Probe>) -> Heartbeat {
        Heartbeat {
            head: Position::new(self.epoch, self.head),
            link: self.link,
            database_time: self.now(),
            probes,
        }
    }

    /// The database's time.
    fn now(&self) -> Timestamp {
        let since = i64::try_from(self.began.elapsed().as_micros());
        Timestamp(1_790_000_000_000_000 + since.expect("a test's time"))
    }

    /// Every document and tombstone.
    pub(super) fn encode(&self) -> Vec<(ResourceKey, Bytes)> {
        let documents = self.documents.iter().map(|(id, document)| {
            let envelope = document.clone().epoch(self.epoch).encode();
            (builders::key(id), envelope)
        });
        documents.collect()
    }

    /// The changes after a place, each with its document's current state; none where the place is
    /// not in this history, or the changes are not kept.
    pub(super) fn changes_after(&self, after: Position, link: Link) -> Option<Vec<(Slot, Bytes)>> {
        let stands = after.epoch == self.epoch && after.sequence <= self.head;
        let later = |(slot, _): &&(Slot, String)| after.sequence < slot.position.sequence;
        let changes: Vec<_> = self.changes.iter().filter(later).collect();
        let known = changes
            .first()
            .map_or(self.link, |(slot, _)| slot.prev_link);
        let current = |(slot, id): &(Slot, String)| {
            let envelope = self.documents[id].clone().epoch(self.epoch).encode();
            (*slot, envelope)
        };
        (stands && known == link).then(|| changes.into_iter().map(current).collect())
    }

    /// Forgets the changes so far, as pruning does.
    pub(super) fn prune(&mut self) {
        self.changes.clear();
    }
}

impl Rebuild {
    pub(super) async fn finish(self) {
        let stored = self.bus.chunk(self.build, 0, &self.documents).await;
        let stored = stored.expect("the bus is here");
        stored.expect("the bus takes the chunk");
        let finished = self.bus.finish(self.build, 1).await;
        let finished = finished.expect("the bus is here");
        finished.expect("the rebuild is whole");
    }
}
