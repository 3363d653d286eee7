//! What a writer has committed goes out at once, into whatever build there is.

use std::sync::Arc;

use bus::{Begin, Build, Follower, MemoryBus, Publisher};
use shared::{
    Change, Delivery, FeedMessage, Link, Representation, Sequence, Slot, Timestamp, Version,
};
use testkit::builders::{EPOCH, key, link, slot};
use writer::{
    commit::{CommittedChange, Outbox, outbox},
    publish::{PublishCounters, publish},
};

use super::{Desk, count, next, until_counted};
use crate::store::fixture::{body_of, delete, put};

#[tokio::test]
async fn committed_change_reaches_a_subscription() {
    let desk = Desk::settled().await;
    let mut feed = desk.bus.subscribe().await.unwrap();
    let body = body_of(4000);

    let put = desk.write(put("a", &body)).await;
    let deleted = desk.write(delete("a")).await;

    let (slot, envelope) = next_delivery(&mut feed).await;
    assert_eq!((slot, envelope.position), (put.slot, put.slot.position));
    assert_eq!(
        (envelope.prev_link, envelope.link),
        (put.slot.prev_link, put.slot.link)
    );
    assert_eq!(
        (envelope.version, envelope.updated_at),
        (Version(1), put.updated_at)
    );
    let Change::Put(representations) = envelope.change else {
        panic!("not a put");
    };
    assert_eq!(representations[0].octets, body.as_bytes());
    assert_eq!(representations.len(), 4, "identity, br, gzip, zstd");
    let (slot, envelope) = next_delivery(&mut feed).await;
    assert_eq!((slot, envelope.change), (deleted.slot, Change::Delete));
    assert_eq!(count(&desk.leader().swept), 0);
}

#[tokio::test]
async fn ending_writer_publishes_what_it_has_committed() {
    let desk = Desk::settled().await;
    let mut last = None;
    for n in 0..50 {
        last = Some(desk.write(put(&n.to_string(), "{}")).await);
    }
    let (bus, _directory) = desk.finish().await;
    let meta = bus.meta().await.unwrap().unwrap();
    assert_eq!(Some(meta.position()), last.map(|last| last.slot.position));
}

async fn next_delivery(feed: &mut bus::Subscription) -> (Slot, shared::Envelope) {
    next(feed, |message| match message {
        FeedMessage::Delivery(Delivery { slot, envelope }) => {
            Some((slot, envelope.expect("it can be decoded")))
        }
        _ => None,
    })
    .await
}

/// A live publisher without a leader: nobody sweeps what it leaves.
struct Live {
    bus: MemoryBus,
    outbox: Outbox,
    counters: Arc<PublishCounters>,
}

impl Live {
    fn start() -> Self {
        let bus = MemoryBus::new();
        let (outbox, committed) = outbox(8);
        let counters = Arc::new(PublishCounters::default());
        let publisher: Arc<dyn Publisher> = Arc::new(bus.clone());
        tokio::spawn(publish(committed, publisher, Arc::clone(&counters)));
        Self {
            bus,
            outbox,
            counters,
        }
    }

    /// What a leader does: a new build, whole, at this head.
    async fn rebuild(&self, build: u64, head: u64) {
        let begin = Begin {
            term: build,
            epoch: EPOCH,
            build: Build(build),
            head: Sequence(head),
            link: link(head),
            buckets: 1,
        };
        self.bus.begin(&begin).await.unwrap().unwrap();
        self.bus.finish(begin.build, 0).await.unwrap().unwrap();
    }

    fn commit(&self, slot: Slot) {
        let change = CommittedChange {
            key: key("a"),
            slot,
            version: Version(slot.position.sequence.0),
            updated_at: Timestamp(1),
            expires_at: None,
            change: Change::Put(vec![Representation::of(
                shared::ContentCoding::Identity,
                bytes::Bytes::from_static(b"{}"),
            )]),
            step: telemetry::Span::none(),
        };
        self.outbox.put(vec![change]).unwrap();
    }

    async fn check_through(&self, build: u64, sequence: u64) {
        let meta = self.bus.meta().await.unwrap().unwrap();
        assert_eq!(
            (meta.build, meta.published_through),
            (Build(build), Sequence(sequence))
        );
    }
}

#[tokio::test]
async fn publishing_goes_on_into_the_new_build() {
    let live = Live::start();
    live.rebuild(1, 0).await;
    live.commit(slot(1));
    until_counted("the first is published", &live.counters.published, 1).await;
    live.check_through(1, 1).await;

    live.rebuild(2, 1).await;
    live.commit(slot(2));

    until_counted("the second is published", &live.counters.published, 2).await;
    live.check_through(2, 2).await;
    assert_eq!(count(&live.counters.refused), 0);
    assert_eq!(count(&live.counters.abandoned), 0);
}

#[tokio::test]
async fn publishing_goes_on_after_an_outage() {
    let live = Live::start();
    live.commit(slot(1));
    until_counted("an empty bus takes nothing", &live.counters.abandoned, 1).await;
    live.rebuild(1, 1).await;
    live.bus.go_away();
    live.commit(slot(2));
    until_counted("an absent bus takes nothing", &live.counters.abandoned, 2).await;
    live.bus.come_back();

    live.commit(slot(3));
    until_counted("the third is published", &live.counters.published, 1).await;
    // It waits for the second, which a leader would sweep.
    live.check_through(1, 1).await;
    live.commit(slot(2));
    until_counted("the second is published", &live.counters.published, 2).await;
    live.check_through(1, 3).await;
}

#[tokio::test]
async fn change_of_another_history_is_refused_and_counted() {
    let live = Live::start();
    live.rebuild(1, 0).await;
    let mut strange = slot(1);
    strange.prev_link = Link(99);
    live.commit(strange);
    until_counted("it is refused", &live.counters.refused, 1).await;
    live.check_through(1, 0).await;
    live.commit(slot(1));
    until_counted("the right one is published", &live.counters.published, 1).await;
}
