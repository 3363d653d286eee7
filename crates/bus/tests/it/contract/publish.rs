//! What publishing does.

use bus::{
    Publication, PublishOutcome, Refusal,
    limits::{ADVANCE_MAX, INLINE_BYTES_MAX, PENDING_MAX},
};
use shared::{Link, Position, Sequence, Slot, limits::NUMBER_MAX};
use testkit::builders::{EPOCH, envelope, link, slot};

use super::subject::{
    Subject, begin_at, change, next_delivery, other_epoch, publication, published,
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

pub(crate) async fn trace_context_is_sent_and_not_stored(bus: Subject) {
    let build = bus.complete_at(0).await;
    let mut feed = bus.subscribe().await;
    let traced = |number, id: &str, content: &[u8]| {
        let plain = envelope().key(id).sequence(number).put(content);
        Publication {
            traced: Some(plain.clone().traced().encode()),
            ..publication(slot(number), &plain)
        }
    };
    // One alone, one among others, and one that only its context makes too large for the feed.
    let room = INLINE_BYTES_MAX - envelope().key("d").put(b"").encode().len();
    let large = traced(4, "d", &vec![b' '; room]);
    let calls = [
        vec![traced(1, "a", b"1")],
        vec![change(2, "b"), traced(3, "c", b"3"), large],
    ];
    let mut outcomes = Vec::new();
    for call in &calls {
        outcomes.extend(bus.publish_all(build, call).await);
    }
    assert_eq!(outcomes, [1, 2, 3, 4].map(published));
    for (number, id, is_traced) in [
        (1, "a", true),
        (2, "b", false),
        (3, "c", true),
        (4, "d", false),
    ] {
        let (filled, sent) = next_delivery(&mut feed).await;
        assert_eq!(filled, slot(number));
        assert_eq!(!sent.extensions.is_empty(), is_traced, "{id}");
        let stored = bus.held(id).await.expect("it is stored");
        assert_eq!(stored.extensions, []);
        assert_eq!((stored.change, stored.link), (sent.change, sent.link));
    }
    let replayed = bus.replay(0).await.deliveries;
    let envelopes = replayed.into_iter().map(|one| one.envelope);
    assert!(
        envelopes
            .map(Result::unwrap)
            .all(|one| one.extensions.is_empty())
    );
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

pub(crate) async fn each_of_one_call_is_judged_by_itself(bus: Subject) {
    let build = bus.complete_at(2).await;
    let forked = Slot {
        prev_link: Link(7),
        ..slot(4)
    };
    let other = Slot {
        position: Position::new(other_epoch(1), Sequence(4)),
        ..slot(4)
    };
    let older = envelope().key("a").sequence(5).put(b"older");
    let newer = envelope().key("a").sequence(6).put(b"newer");
    let call = [
        change(2, "past"),
        change(3, "a"),
        publication(forked, &envelope().key("b").sequence(4)),
        publication(
            other,
            &envelope().key("c").epoch(other_epoch(1)).sequence(4),
        ),
        change(4, "d"),
        change(4, "d"),
        publication(slot(5), &newer),
        publication(slot(6), &older),
        change(7 + PENDING_MAX, "far"),
        change(8, "ahead"),
    ];
    let mut feed = bus.subscribe().await;

    let outcomes = bus.publish_all(build, &call).await;

    let expected = [
        PublishOutcome::Duplicate,
        published(3),
        PublishOutcome::Refused(Refusal::Forked),
        PublishOutcome::Refused(Refusal::OtherEpoch),
        published(4),
        PublishOutcome::Duplicate,
        published(5),
        published(6),
        PublishOutcome::Refused(Refusal::PendingFull),
        published(6),
    ];
    assert_eq!(outcomes, expected);
    for number in [3, 4, 5, 6, 8] {
        assert_eq!(next_delivery(&mut feed).await.0, slot(number));
    }
    assert_eq!(bus.held("a").await, Some(newer.build()));
    for refused in ["past", "b", "c", "far"] {
        assert_eq!(bus.held(refused).await, None, "{refused}");
    }
    let replay = bus.replay(2).await;
    let slots: Vec<_> = replay.deliveries.iter().map(|one| one.slot).collect();
    assert_eq!(slots, [slot(3), slot(4), slot(5), slot(6)]);
    let meta = bus.meta().await;
    assert_eq!((meta.published_through, meta.tip), (Sequence(6), link(6)));
}

pub(crate) async fn call_that_fills_holes_advances_in_its_midst(bus: Subject) {
    let build = bus.complete_at(0).await;
    let ahead = [change(6, "f"), change(3, "c"), change(2, "b")];
    assert_eq!(bus.publish_all(build, &ahead).await, [published(0); 3]);

    let call = [
        change(5, "e"),
        change(1, "a"),
        change(2, "b"),
        change(4, "d"),
        change(7, "g"),
    ];
    let outcomes = bus.publish_all(build, &call).await;

    let duplicate = PublishOutcome::Duplicate;
    let expected = [
        published(0),
        published(3),
        duplicate,
        published(6),
        published(7),
    ];
    assert_eq!(outcomes, expected);
    assert_eq!(bus.meta().await.tip, link(7));
    assert_eq!(bus.replay(0).await.deliveries.len(), 7);
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
