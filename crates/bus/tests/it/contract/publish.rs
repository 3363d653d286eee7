//! What publishing does, and what it refuses.

use bus::{
    PublishOutcome, Refusal,
    limits::{ADVANCE_MAX, PENDING_MAX},
};
use shared::{
    FeedMessage, Heartbeat, Link, Position, Sequence, Slot, Timestamp, limits::NUMBER_MAX,
};
use testkit::builders::{EPOCH, envelope, key, link, slot};

use super::subject::{
    BUCKETS, Subject, begin_at, change, fresh_build, next_delivery, next_message, other_epoch,
    publication, published,
};

pub(crate) async fn published_change_is_stored_logged_and_sent(bus: Subject) {
    let build = bus.complete_at(0).await;
    let mut feed = bus.subscribe().await;

    assert_eq!(bus.publish(build, change(1, "a")).await, published(1));

    let expected = envelope().key("a").sequence(1).put(b"a").build();
    assert_eq!(bus.held("a").await, Some(expected.clone()));
    let replay = bus.replay(0).await;
    assert_eq!(replay.deliveries[0].slot, slot(1));
    assert_eq!(replay.deliveries[0].envelope, Ok(expected.clone()));
    assert_eq!(next_delivery(&mut feed).await, (slot(1), expected));
    let meta = bus.meta().await;
    assert_eq!((meta.published_through, meta.tip), (Sequence(1), link(1)));
}

pub(crate) async fn publish_keeps_the_highest_sequence_per_key(bus: Subject) {
    let build = bus.complete_at(0).await;
    let third = envelope().key("a").sequence(3).put(b"third");
    let second = envelope().key("a").sequence(2).put(b"second");

    bus.publish(build, publication(slot(1), &third)).await;
    bus.publish(build, publication(slot(2), &second)).await;
    assert_eq!(bus.held("a").await, Some(third.clone().build()));

    bus.publish(build, publication(slot(3), &third)).await;
    let fourth = envelope().key("a").sequence(4).delete();
    bus.publish(build, publication(slot(4), &fourth)).await;
    assert_eq!(bus.held("a").await, Some(fourth.build()));
}

pub(crate) async fn publications_of_one_call_take_effect_in_order(bus: Subject) {
    let build = bus.complete_at(0).await;
    let publications: Vec<_> = (1..=700).map(|number| change(number, "a")).collect();

    let outcomes = bus.publish_all(build, &publications).await;

    let expected: Vec<_> = (1..=700).map(published).collect();
    assert_eq!(outcomes, expected);
}

pub(crate) async fn slots_out_of_order_advance_when_the_hole_is_filled(bus: Subject) {
    let build = bus.complete_at(0).await;
    let mut feed = bus.subscribe().await;

    assert_eq!(bus.publish(build, change(3, "c")).await, published(0));
    assert_eq!(bus.publish(build, change(2, "b")).await, published(0));
    assert_eq!(bus.publish(build, change(1, "a")).await, published(3));

    assert_eq!(bus.meta().await.tip, link(3));
    for number in [3, 2, 1] {
        assert_eq!(next_delivery(&mut feed).await.0, slot(number));
    }
    assert_eq!(bus.publish(build, change(4, "d")).await, published(4));
}

pub(crate) async fn waiting_slots_of_another_history_do_not_advance(bus: Subject) {
    let build = bus.complete_at(0).await;
    let forked = Slot {
        prev_link: Link(7),
        ..slot(2)
    };
    bus.publish(build, publication(forked, &envelope().key("b").sequence(2)))
        .await;

    assert_eq!(bus.publish(build, change(1, "a")).await, published(1));
    assert_eq!(bus.publish(build, change(2, "b")).await, published(2));
    assert_eq!(bus.publish(build, change(3, "c")).await, published(3));
}

pub(crate) async fn advance_is_bounded_and_goes_on_when_published_again(bus: Subject) {
    let build = bus.complete_at(0).await;
    let last = ADVANCE_MAX + 500;
    let waiting: Vec<_> = (2..=last).map(|number| change(number, "a")).collect();
    bus.publish_all(build, &waiting).await;

    let advanced = 1 + ADVANCE_MAX;
    assert_eq!(
        bus.publish(build, change(1, "a")).await,
        published(advanced)
    );
    let again = change(advanced + 1, "a");
    assert_eq!(bus.publish(build, again).await, published(last));
    assert_eq!(bus.meta().await.tip, link(last));
}

pub(crate) async fn writers_side_by_side_end_at_the_head(bus: Subject) {
    let build = bus.complete_at(0).await;
    let writer = async |first: u64| {
        for number in (first..=200).step_by(4) {
            bus.publish(build, change(number, "a")).await;
            tokio::task::yield_now().await;
        }
    };
    tokio::join!(writer(4), writer(2), writer(1), writer(3));
    let meta = bus.meta().await;
    assert_eq!(
        (meta.published_through, meta.tip),
        (Sequence(200), link(200))
    );
    assert_eq!(bus.held_sequence("a").await, Some(200));
}

pub(crate) async fn any_order_with_repetitions_ends_in_the_same_snapshot(bus: Subject) {
    let seed = fastrand::u64(..);
    let mut random = fastrand::Rng::with_seed(seed);
    let build = bus.complete_at(0).await;
    let head = 300;
    let ids: Vec<String> = (0..20).map(|number| number.to_string()).collect();
    // Each change with the sequence that its document had when it was rendered.
    let of: Vec<usize> = (0..=head).map(|_| random.usize(..ids.len())).collect();
    let mut publications = Vec::new();
    let mut last = std::collections::BTreeMap::new();
    for number in 1..=head {
        last.insert(&ids[of[number]], number as u64);
        for _ in 0..random.usize(1..4) {
            let later: Vec<usize> = (number..=head)
                .filter(|&later| of[later] == of[number])
                .collect();
            let current = *random.choice(&later).expect("it is its own") as u64;
            let document = envelope().key(&ids[of[number]]).sequence(current);
            publications.push(publication(slot(number as u64), &document));
        }
    }
    random.shuffle(&mut publications);

    bus.publish_all(build, &publications).await;

    let through = bus.published_through().await;
    assert_eq!(through, head as u64, "seed {seed}");
    for (id, sequence) in last {
        assert_eq!(
            bus.held_sequence(id).await,
            Some(sequence),
            "{id}, seed {seed}"
        );
    }
    let replay = bus.replay(0).await;
    assert_eq!(replay.deliveries.len(), head, "seed {seed}");
}

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

pub(crate) async fn largest_numbers_survive(bus: Subject) {
    for head in [1 << 31, 100_000_000_000_000, NUMBER_MAX - 1] {
        let mut begin = begin_at(head);
        begin.term = head;
        bus.begin(&begin).await;
        bus.finish(begin.build, 0).await;
        let meta = bus.meta().await;
        assert_eq!((meta.epoch, meta.term), (EPOCH, head));
        assert_eq!((meta.published_through.0, meta.log_from.0), (head, head));

        let last = head + 1;
        let outcome = bus.publish(begin.build, change(last, "a")).await;
        assert_eq!(outcome, published(last));
        assert_eq!(bus.published_through().await, last);
        assert_eq!(bus.held_sequence("a").await, Some(last));
        let replay = bus.replay(head).await;
        assert_eq!(replay.deliveries[0].slot, slot(last));
    }
}
