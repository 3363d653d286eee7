//! What publishing refuses, without a trace.

use bus::{PublishOutcome, Refusal, limits::PENDING_MAX};
use shared::{FeedMessage, Heartbeat, Link, Position, Sequence, Slot, Timestamp};
use testkit::builders::{envelope, key, link, slot};

use super::subject::{
    BUCKETS, Subject, change, fresh_build, next_delivery, next_message, other_epoch, publication,
    published,
};

pub(crate) async fn slot_at_or_below_published_through_is_a_no_op(bus: Subject) {
    let build = bus.complete_at(5).await;
    let mut feed = bus.subscribe().await;

    for number in [1, 5] {
        let outcome = bus.publish(build, change(number, "a")).await;
        assert_eq!(outcome, PublishOutcome::Duplicate);
    }

    assert_eq!(bus.held("a").await, None);
    // Had they been sent, they would come before this one.
    bus.publish(build, change(6, "b")).await;
    assert_eq!(next_delivery(&mut feed).await.0, slot(6));
}

pub(crate) async fn slot_too_far_ahead_is_refused(bus: Subject) {
    let build = bus.complete_at(0).await;
    let last = change(PENDING_MAX, "a");
    let beyond = change(PENDING_MAX + 1, "b");

    assert_eq!(bus.publish(build, last).await, published(0));
    let refused = PublishOutcome::Refused(Refusal::PendingFull);
    assert_eq!(bus.publish(build, beyond).await, refused);
    assert_eq!(bus.held("b").await, None);
}

pub(crate) async fn fork_is_refused_and_changes_nothing(bus: Subject) {
    let build = bus.complete_at(5).await;
    let before = bus.meta().await;
    let mut feed = bus.subscribe().await;
    let forked = Slot {
        prev_link: Link(7),
        ..slot(6)
    };

    let outcome = bus
        .publish(build, publication(forked, &envelope().key("a").sequence(6)))
        .await;

    assert_eq!(outcome, PublishOutcome::Refused(Refusal::Forked));
    assert_eq!(bus.meta().await, before);
    assert_eq!(bus.held("a").await, None);
    bus.publish(build, change(6, "b")).await;
    assert_eq!(next_delivery(&mut feed).await.0, slot(6));
}

pub(crate) async fn links_are_compared_in_all_their_bits(bus: Subject) {
    // Ends of lines, zeros, quotes, and octets that are no UTF-8.
    let odd = [0x0d0a_0000_2522_5c00, u64::MAX, 1 << 63, 0, 0x0a];
    let build = bus.complete_at(0).await;
    let mut prev_link = link(0);
    for (number, odd) in (1..).zip(odd) {
        let chained = Slot {
            prev_link,
            link: Link(odd),
            ..slot(number)
        };
        for bit in [0, 63] {
            let forked = Slot {
                prev_link: Link(prev_link.0 ^ (1 << bit)),
                ..chained
            };
            let outcome = bus
                .publish(build, publication(forked, &envelope().sequence(number)))
                .await;
            assert_eq!(outcome, PublishOutcome::Refused(Refusal::Forked));
        }
        let outcome = bus
            .publish(build, publication(chained, &envelope().sequence(number)))
            .await;
        assert_eq!(outcome, published(number));
        assert_eq!(bus.meta().await.tip, Link(odd));
        prev_link = Link(odd);
    }
}

pub(crate) async fn other_epoch_is_refused(bus: Subject) {
    let build = bus.complete_at(0).await;
    for difference in [-1, 1] {
        let epoch = other_epoch(difference);
        let other = Slot {
            position: Position::new(epoch, Sequence(1)),
            ..slot(1)
        };
        let outcome = bus
            .publish(build, publication(other, &envelope().epoch(epoch)))
            .await;
        assert_eq!(outcome, PublishOutcome::Refused(Refusal::OtherEpoch));
    }
    assert_eq!(bus.held("a").await, None);
}

pub(crate) async fn other_build_is_refused(bus: Subject) {
    bus.complete_at(0).await;
    let outcome = bus.publish(fresh_build(), change(1, "a")).await;
    assert_eq!(outcome, PublishOutcome::Refused(Refusal::OtherBuild));
    assert_eq!(bus.held("a").await, None);
}

pub(crate) async fn empty_bus_refuses(bus: Subject) {
    let refused = PublishOutcome::Refused(Refusal::NoMeta);
    assert_eq!(bus.publish(fresh_build(), change(1, "a")).await, refused);
    assert_eq!(bus.publisher.meta().await.expect("the bus answers"), None);

    let build = bus.complete_at(0).await;
    bus.faults.lose_everything().await;
    assert_eq!(bus.publish(build, change(1, "a")).await, refused);
    assert_eq!(bus.publisher.meta().await.expect("the bus answers"), None);
}

pub(crate) async fn refused_publication_does_not_keep_the_next_from_being_tried(bus: Subject) {
    let build = bus.complete_at(0).await;
    let beyond = change(PENDING_MAX + 1, "b");
    let outcomes = bus
        .publish_all(build, &[beyond, change(1, "a"), change(1, "a")])
        .await;
    let expected = [
        PublishOutcome::Refused(Refusal::PendingFull),
        published(1),
        PublishOutcome::Duplicate,
    ];
    assert_eq!(outcomes, expected);
}

pub(crate) async fn lost_bucket_is_refused_and_clears_complete(bus: Subject) {
    let build = bus.complete_at(0).await;
    assert!(bus.meta().await.complete);
    let mut feed = bus.subscribe().await;
    bus.faults
        .lose_bucket(build, key("a").bucket(BUCKETS))
        .await;

    let outcome = bus.publish(build, change(1, "a")).await;

    assert_eq!(outcome, PublishOutcome::Refused(Refusal::BucketLost));
    let meta = bus.meta().await;
    assert!(!meta.complete);
    assert_eq!(meta.published_through, Sequence(0));
    let heartbeat = Heartbeat {
        head: meta.position(),
        link: meta.tip,
        database_time: Timestamp(0),
        probes: Vec::new(),
    };
    bus.publisher
        .heartbeat(&heartbeat)
        .await
        .expect("the bus answers");
    let first = next_message(&mut feed).await;
    assert_eq!(first, FeedMessage::Heartbeat(heartbeat), "nothing was sent");
}
