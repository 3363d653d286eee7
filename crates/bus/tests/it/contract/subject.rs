//! The bus under test, and words to speak about it.

use async_trait::async_trait;
use bus::{
    Begin, Build, FeedEvent, Follower, Meta, Publication, PublishOutcome, Publisher, Refusal,
    Replay, Subscription,
};
use bytes::Bytes;
use shared::{Delivery, Envelope, Epoch, FeedMessage, Position, ResourceKey, Sequence, Slot};
use testkit::builders::{EPOCH, EnvelopeBuilder, envelope, key, link, slot};

/// Segments of log that a bus under test keeps.
pub(crate) const LOG_SEGMENTS: u64 = 2;

/// Buckets of a snapshot, unless a behaviour asks for another number.
pub(crate) const BUCKETS: u32 = 4;

/// A bus with both halves, and what can befall it.
pub(crate) struct Subject {
    pub(crate) publisher: Box<dyn Publisher>,
    pub(crate) follower: Box<dyn Follower>,
    pub(crate) faults: Box<dyn Faults>,
}

/// What can befall a bus.
#[async_trait]
pub(crate) trait Faults: Send + Sync {
    /// It loses all that it holds.
    async fn lose_everything(&self);

    /// It loses one bucket.
    async fn lose_bucket(&self, build: Build, bucket: u32);
}

impl Subject {
    /// A complete, empty snapshot at `head`.
    pub(crate) async fn complete_at(&self, head: u64) -> Build {
        let begin = begin_at(head);
        self.begin(&begin).await;
        self.finish(begin.build, 0).await;
        begin.build
    }

    pub(crate) async fn begin(&self, begin: &Begin) {
        let begun = self.publisher.begin(begin).await;
        assert_eq!(begun.expect("the bus answers"), Ok(()));
    }

    pub(crate) async fn chunk(
        &self,
        build: Build,
        index: u64,
        documents: &[(ResourceKey, Bytes)],
    ) -> Result<(), Refusal> {
        let stored = self.publisher.chunk(build, index, documents).await;
        stored.expect("the bus answers")
    }

    pub(crate) async fn finish(&self, build: Build, chunks: u64) {
        let finished = self.publisher.finish(build, chunks).await;
        assert_eq!(finished.expect("the bus answers"), Ok(()));
    }

    pub(crate) async fn publish(&self, build: Build, publication: Publication) -> PublishOutcome {
        let outcomes = self.publish_all(build, &[publication]).await;
        assert_eq!(outcomes.len(), 1, "one outcome per publication");
        outcomes[0]
    }

    pub(crate) async fn publish_all(
        &self,
        build: Build,
        publications: &[Publication],
    ) -> Vec<PublishOutcome> {
        let outcomes = self.publisher.publish(build, publications).await;
        outcomes.expect("the bus answers")
    }

    /// Publishes slots `from..=to`, each the change of a document named by its number.
    pub(crate) async fn publish_range(&self, build: Build, from: u64, to: u64) {
        let publications: Vec<Publication> = (from..=to)
            .map(|number| change(number, &number.to_string()))
            .collect();
        let outcomes = self.publish_all(build, &publications).await;
        assert_eq!(outcomes.last(), Some(&published(to)));
    }

    pub(crate) async fn meta(&self) -> Meta {
        let meta = self.publisher.meta().await.expect("the bus answers");
        meta.expect("the bus holds meta")
    }

    pub(crate) async fn published_through(&self) -> u64 {
        self.meta().await.published_through.0
    }

    /// The envelope that the snapshot holds for a document.
    pub(crate) async fn held(&self, id: &str) -> Option<Envelope> {
        let envelope = self.follower.fetch(&key(id)).await;
        envelope.expect("the bus answers")
    }

    /// The sequence of [`Self::held`].
    pub(crate) async fn held_sequence(&self, id: &str) -> Option<u64> {
        let envelope = self.held(id).await;
        envelope.map(|envelope| envelope.position.sequence.0)
    }

    pub(crate) async fn replay(&self, after: u64) -> Replay {
        let after = Position::new(EPOCH, Sequence(after));
        self.follower.replay(after).await.expect("the bus answers")
    }

    pub(crate) async fn subscribe(&self) -> Subscription {
        let subscription = self.follower.subscribe().await;
        subscription.expect("the bus answers")
    }
}

/// A rebuild at `head`, with a build that no other has.
pub(crate) fn begin_at(head: u64) -> Begin {
    Begin {
        term: 1,
        epoch: EPOCH,
        build: fresh_build(),
        head: Sequence(head),
        link: link(head),
        buckets: BUCKETS,
    }
}

pub(crate) fn fresh_build() -> Build {
    use std::sync::atomic::{AtomicU64, Ordering};
    static BUILDS: AtomicU64 = AtomicU64::new(1);
    // Some with the highest bit set, some short: names of builds have 16 digits all the same.
    let number = BUILDS.fetch_add(1, Ordering::Relaxed);
    Build(number.rotate_right(1).max(1))
}

/// Slot `number`, filled by that very change of `posts/<id>`.
pub(crate) fn change(number: u64, id: &str) -> Publication {
    publication(
        slot(number),
        &envelope().key(id).sequence(number).put(id.as_bytes()),
    )
}

/// A publication of this envelope into this slot.
pub(crate) fn publication(slot: Slot, envelope: &EnvelopeBuilder) -> Publication {
    let frame = envelope.encode();
    let envelope = envelope.clone().build();
    Publication {
        slot,
        sequence: envelope.position.sequence,
        key: envelope.key,
        envelope: frame,
        traced: None,
    }
}

pub(crate) fn published(through: u64) -> PublishOutcome {
    PublishOutcome::Published(Sequence(through))
}

/// The next event, which is to be a delivery whose envelope can be read.
pub(crate) async fn next_delivery(subscription: &mut Subscription) -> (Slot, Envelope) {
    match next_message(subscription).await {
        FeedMessage::Delivery(Delivery { slot, envelope }) => {
            (slot, envelope.expect("the envelope can be read"))
        }
        other => panic!("not a delivery: {other:?}"),
    }
}

/// The next event, which is to be a message.
pub(crate) async fn next_message(subscription: &mut Subscription) -> FeedMessage {
    match next_event(subscription).await {
        Some(FeedEvent::Message(message)) => message,
        other => panic!("not a message: {other:?}"),
    }
}

/// The next event, or the subscription's end.
pub(crate) async fn next_event(subscription: &mut Subscription) -> Option<FeedEvent> {
    tokio::time::timeout(testkit::wait::DEADLINE, subscription.next())
        .await
        .expect("the subscription gives an event or ends")
}

/// An epoch apart from [`EPOCH`].
pub(crate) fn other_epoch(difference: i64) -> Epoch {
    Epoch(EPOCH.0.checked_add_signed(difference).expect("in range"))
}
