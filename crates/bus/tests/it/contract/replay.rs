//! What the log gives back.

use bus::{
    Replay,
    limits::{LOG_SEGMENT_SLOTS, REPLAY_BYTES_MAX, REPLAY_SLOTS_MAX},
};
use shared::{Position, Sequence};
use testkit::builders::{envelope, key, slot};

use super::subject::{BUCKETS, LOG_SEGMENTS, Subject, change, other_epoch, publication};

/// The numbers of the slots delivered.
fn slots(replay: &Replay) -> Vec<u64> {
    let deliveries = replay.deliveries.iter();
    deliveries
        .map(|delivery| delivery.slot.position.sequence.0)
        .collect()
}

pub(crate) async fn replay_gives_pages_in_slot_order(bus: Subject) {
    // The first page spans two segments of the log.
    let (head, last) = (500, 500 + REPLAY_SLOTS_MAX + 100);
    let build = bus.complete_at(head).await;
    bus.publish_range(build, head + 1, last).await;

    let first = bus.replay(head).await;
    let page_end = head + REPLAY_SLOTS_MAX;
    assert_eq!(slots(&first), (head + 1..=page_end).collect::<Vec<_>>());
    assert!(first.more);
    for delivery in &first.deliveries {
        assert_eq!(delivery.slot, slot(delivery.slot.position.sequence.0));
    }
    let second = bus.replay(page_end).await;
    assert_eq!(slots(&second), (page_end + 1..=last).collect::<Vec<_>>());
    assert!(!second.more);
    let third = bus.replay(last).await;
    assert_eq!(slots(&third), Vec::<u64>::new());
    assert_eq!(third.meta, Some(bus.meta().await));
}

pub(crate) async fn replay_delivers_the_current_envelope(bus: Subject) {
    let build = bus.complete_at(0).await;
    bus.publish(build, change(1, "a")).await;
    bus.publish(build, change(2, "b")).await;
    bus.publish(build, change(3, "a")).await;

    let replay = bus.replay(0).await;

    let sequences: Vec<u64> = replay
        .deliveries
        .iter()
        .map(|delivery| {
            delivery
                .envelope
                .as_ref()
                .expect("readable")
                .position
                .sequence
                .0
        })
        .collect();
    assert_eq!(sequences, [3, 2, 3]);
    assert_eq!(slots(&replay), [1, 2, 3]);
}

pub(crate) async fn replay_ends_at_a_hole(bus: Subject) {
    let build = bus.complete_at(0).await;
    for number in [1, 2, 4] {
        bus.publish(build, change(number, &number.to_string()))
            .await;
    }
    let replay = bus.replay(0).await;
    assert_eq!(slots(&replay), [1, 2]);
    assert!(!replay.more);
}

pub(crate) async fn replay_ends_at_a_lost_document(bus: Subject) {
    let build = bus.complete_at(0).await;
    let first = "a".to_owned();
    let mut ids = (0..).map(|number: u32| number.to_string());
    let elsewhere = ids.find(|id| key(id).bucket(BUCKETS) != key(&first).bucket(BUCKETS));
    let lost = elsewhere.expect("four buckets");
    for (number, id) in [(1, &first), (2, &lost), (3, &first)] {
        bus.publish(build, change(number, id)).await;
    }
    bus.faults
        .lose_bucket(build, key(&lost).bucket(BUCKETS))
        .await;

    let replay = bus.replay(0).await;

    assert_eq!(slots(&replay), [1]);
    assert!(!replay.more);
}

pub(crate) async fn full_page_that_ends_at_a_lost_document_promises_no_more(bus: Subject) {
    let build = bus.complete_at(0).await;
    bus.publish_range(build, 1, REPLAY_SLOTS_MAX + 10).await;
    bus.faults
        .lose_bucket(build, key("500").bucket(BUCKETS))
        .await;

    let replay = bus.replay(0).await;

    assert!(replay.deliveries.len() < 500);
    assert!(!replay.more, "asking again at once would give nothing");
}

pub(crate) async fn replay_below_the_log_gives_nothing(bus: Subject) {
    let build = bus.complete_at(10).await;
    bus.publish(build, change(11, "a")).await;
    assert_eq!(slots(&bus.replay(9).await), Vec::<u64>::new());
    assert_eq!(slots(&bus.replay(10).await), [11]);
}

pub(crate) async fn replay_of_another_epoch_gives_nothing(bus: Subject) {
    let build = bus.complete_at(0).await;
    bus.publish(build, change(1, "a")).await;
    for difference in [-1, 1] {
        let after = Position::new(other_epoch(difference), Sequence(0));
        let replay = bus.follower.replay(after).await.expect("the bus answers");
        assert_eq!(slots(&replay), Vec::<u64>::new());
        assert_eq!(replay.meta, Some(bus.meta().await));
    }
}

pub(crate) async fn replay_of_an_empty_bus_gives_nothing(bus: Subject) {
    let expected = Replay {
        meta: None,
        deliveries: Vec::new(),
        more: false,
    };
    assert_eq!(bus.replay(0).await, expected);
}

pub(crate) async fn replay_page_is_bounded_in_octets(bus: Subject) {
    let build = bus.complete_at(0).await;
    let body = vec![b' '; REPLAY_BYTES_MAX / 5];
    for number in 1..=6 {
        let large = envelope()
            .key(&number.to_string())
            .sequence(number)
            .put(&body);
        bus.publish(build, publication(slot(number), &large)).await;
    }
    let first = bus.replay(0).await;
    assert_eq!(
        slots(&first),
        [1, 2, 3, 4],
        "five of them pass the bound by their headers"
    );
    assert!(first.more);
    let second = bus.replay(4).await;
    assert_eq!(slots(&second), [5, 6]);
    assert!(!second.more);
}

pub(crate) async fn log_drops_its_oldest_segments(bus: Subject) {
    let build = bus.complete_at(0).await;
    let last = LOG_SEGMENTS * LOG_SEGMENT_SLOTS - 1;
    bus.publish_range(build, 1, last).await;
    assert_eq!(bus.meta().await.log_from, Sequence(0));

    bus.publish_range(build, last + 1, last + 1).await;

    let log_from = LOG_SEGMENT_SLOTS - 1;
    assert_eq!(bus.meta().await.log_from, Sequence(log_from));
    assert_eq!(slots(&bus.replay(log_from - 1).await), Vec::<u64>::new());
    let replay = bus.replay(log_from).await;
    assert_eq!(slots(&replay).first(), Some(&(log_from + 1)));
}
