//! What travels on the feed.

use bus::{
    BusError, FeedEvent, Publication, Registration,
    limits::{INLINE_BYTES_MAX, STATUS_BYTES_MAX},
};
use shared::{
    FeedMessage, Heartbeat, Position, Sequence, Timestamp, feed::Probe, limits::PROBES_MAX,
};
use testkit::builders::{EPOCH, EnvelopeBuilder, envelope, link, slot};

use super::subject::{Subject, next_delivery, next_event, next_message, publication, published};

/// An envelope whose frame has exactly this many octets.
fn of_size(octets: usize) -> EnvelopeBuilder {
    let around = envelope().put(b"").encode().len();
    let sized = envelope().put(&vec![b' '; octets - around]);
    assert_eq!(sized.encode().len(), octets);
    sized
}

pub(crate) async fn every_subscription_gets_every_message(bus: Subject) {
    let build = bus.complete_at(0).await;
    let mut feeds = [bus.subscribe().await, bus.subscribe().await];
    bus.publish_range(build, 1, 300).await;
    for feed in &mut feeds {
        for number in 1..=300 {
            assert_eq!(next_delivery(feed).await.0, slot(number));
        }
    }
}

pub(crate) async fn changes_of_one_call_arrive_in_order_whatever_their_size(bus: Subject) {
    let build = bus.complete_at(0).await;
    let mut feed = bus.subscribe().await;
    let sizes = [
        300,
        INLINE_BYTES_MAX,
        300,
        300,
        INLINE_BYTES_MAX + 1,
        300,
        20_000,
        20_000,
    ];
    let call: Vec<Publication> = (1..)
        .zip(sizes)
        .map(|(number, size)| publication(slot(number), &of_size(size).sequence(number)))
        .collect();

    let outcomes = bus.publish_all(build, &call).await;

    let expected: Vec<_> = (1..=8).map(published).collect();
    assert_eq!(outcomes, expected);
    for (number, size) in (1..).zip(sizes) {
        if size > INLINE_BYTES_MAX {
            let message = next_message(&mut feed).await;
            assert_eq!(message, FeedMessage::Notice(slot(number)));
        } else {
            let (filled, envelope) = next_delivery(&mut feed).await;
            assert_eq!(filled, slot(number));
            assert_eq!(envelope, of_size(size).sequence(number).build());
        }
    }
}

pub(crate) async fn largest_inline_envelope_travels_whole(bus: Subject) {
    let build = bus.complete_at(0).await;
    let mut feed = bus.subscribe().await;
    let largest = of_size(INLINE_BYTES_MAX);
    bus.publish(build, publication(slot(1), &largest)).await;
    assert_eq!(next_delivery(&mut feed).await, (slot(1), largest.build()));
}

pub(crate) async fn larger_envelope_becomes_a_notice_and_replay_fetches_it(bus: Subject) {
    let build = bus.complete_at(0).await;
    let mut feed = bus.subscribe().await;
    let larger = of_size(INLINE_BYTES_MAX + 1);
    let outcome = bus.publish(build, publication(slot(1), &larger)).await;

    assert_eq!(outcome, published(1));
    assert_eq!(next_message(&mut feed).await, FeedMessage::Notice(slot(1)));
    let replay = bus.replay(0).await;
    assert_eq!(replay.deliveries[0].envelope, Ok(larger.build()));
}

pub(crate) async fn heartbeat_and_probes_travel(bus: Subject) {
    let mut feed = bus.subscribe().await;
    for (reader, nonce) in [("reader-1", 1), ("reader-2", u64::MAX), ("reader-1", 3)] {
        bus.follower
            .probe(reader, nonce)
            .await
            .expect("the bus answers");
    }
    let mut probes = bus.publisher.probes().await.expect("the bus answers");
    probes.sort_by(|one, other| one.reader.cmp(&other.reader));
    let expected = [("reader-1", 3), ("reader-2", u64::MAX)].map(|(reader, nonce)| Probe {
        reader: reader.to_owned(),
        nonce,
    });
    assert_eq!(probes, expected);

    let heartbeat = Heartbeat {
        head: Position::new(EPOCH, Sequence(42)),
        link: link(42),
        database_time: Timestamp(1_790_000_000_000_042),
        probes,
    };
    bus.publisher
        .heartbeat(&heartbeat)
        .await
        .expect("the bus answers");
    let message = next_message(&mut feed).await;
    assert_eq!(message, FeedMessage::Heartbeat(heartbeat));
}

pub(crate) async fn probes_are_bounded(bus: Subject) {
    for number in 0..PROBES_MAX {
        let left = bus.follower.probe(&format!("reader-{number}"), 1).await;
        left.expect("the bus answers");
    }
    bus.follower
        .probe("one-more", 2)
        .await
        .expect("the bus answers");
    bus.follower
        .probe("reader-7", 3)
        .await
        .expect("the bus answers");

    let probes = bus.publisher.probes().await.expect("the bus answers");
    assert_eq!(probes.len(), PROBES_MAX);
    assert!(!probes.iter().any(|probe| probe.reader == "one-more"));
    assert!(
        probes
            .iter()
            .any(|probe| probe.reader == "reader-7" && probe.nonce == 3)
    );
}

pub(crate) async fn registered_readers_are_listed_with_their_latest_status(bus: Subject) {
    // Other keys lie beside them.
    let build = bus.complete_at(0).await;
    bus.publish_range(build, 1, 3).await;
    assert_eq!(bus.publisher.readers().await.expect("the bus answers"), []);
    for (reader, status) in [("b", "{}"), ("a*", "1"), ("b", r#"{"é":2}"#)] {
        let registered = bus.follower.register(reader, status).await;
        registered.expect("the bus answers");
    }
    let mut readers = bus.publisher.readers().await.expect("the bus answers");
    readers.sort();
    let expected = [("a*", "1"), ("b", r#"{"é":2}"#)].map(|(reader, status)| Registration {
        reader: reader.to_owned(),
        status: status.to_owned(),
    });
    assert_eq!(readers, expected);

    bus.faults.lose_everything().await;
    assert_eq!(bus.publisher.readers().await.expect("the bus answers"), []);
}

pub(crate) async fn reader_ids_and_statuses_are_held_against_their_limits(bus: Subject) {
    let longest = "x".repeat(64);
    bus.follower
        .probe(&longest, 1)
        .await
        .expect("64 octets are allowed");
    bus.follower
        .register(&longest, "{}")
        .await
        .expect("64 octets are allowed");
    for id in ["", "x y", &"x".repeat(65)] {
        let probed = bus.follower.probe(id, 1).await;
        assert!(matches!(probed, Err(BusError::Unsuitable(_))), "{id}");
        let registered = bus.follower.register(id, "{}").await;
        assert!(matches!(registered, Err(BusError::Unsuitable(_))), "{id}");
    }
    let largest = "x".repeat(STATUS_BYTES_MAX);
    bus.follower
        .register("r", &largest)
        .await
        .expect("that much is allowed");
    let registered = bus.follower.register("r", &(largest + "x")).await;
    assert!(matches!(registered, Err(BusError::Unsuitable(_))));
}

pub(crate) async fn slow_follower_sees_the_end_not_silence(bus: Subject) {
    let build = bus.complete_at(0).await;
    let mut slow = bus.subscribe().await;
    let mut quick = bus.subscribe().await;
    // 80 MB, above what may wait for the slow one.
    let count = 1300;
    let large = publication(slot(1), &of_size(INLINE_BYTES_MAX).sequence(count));
    for number in 1..=count {
        let publication = Publication {
            slot: slot(number),
            ..large.clone()
        };
        bus.publish(build, publication).await;
        assert_eq!(next_delivery(&mut quick).await.0, slot(number));
    }
    let mut seen = 0;
    while let Some(event) = next_event(&mut slow).await {
        assert!(matches!(
            event,
            FeedEvent::Message(FeedMessage::Delivery(_))
        ));
        seen += 1;
    }
    assert!(seen < count, "{seen} of {count}");
}
