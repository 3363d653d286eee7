//! Tests of what only this crate sees; `tests/it` holds what any user of the bus relies on.

mod received;
mod resp;

mod address;
mod ahead;

use shared::Sequence;
use testkit::{
    builders::{EPOCH, link},
    redis::{RedisServer, namespace},
};

use crate::{
    Begin, BucketRead, Build, FeedEvent, Follower, Publisher, RedisBus, Subscription,
    stored::{check_reader_id, check_status, sequence_of},
    subscription::{Cut, channel},
};

#[tokio::test]
async fn subscription_holds_its_capacity_and_is_refused_one_more() {
    let (sender, mut subscription) = channel();
    for _ in 0..Subscription::CAPACITY {
        assert_eq!(sender.send(FeedEvent::Undecodable, 0), Ok(()));
    }
    assert_eq!(sender.send(FeedEvent::Undecodable, 0), Err(Cut::Overflow));
    drop(sender);
    for _ in 0..Subscription::CAPACITY {
        assert_eq!(subscription.next().await, Some(FeedEvent::Undecodable));
    }
    assert_eq!(subscription.next().await, None);
}

#[tokio::test]
async fn subscription_holds_its_octets_and_is_refused_one_more() {
    let (sender, mut subscription) = channel();
    let half = Subscription::OCTETS_MAX / 2;
    assert_eq!(sender.send(FeedEvent::Undecodable, half), Ok(()));
    assert_eq!(sender.send(FeedEvent::Undecodable, half), Ok(()));
    assert_eq!(sender.send(FeedEvent::Undecodable, 1), Err(Cut::Overflow));

    assert_eq!(subscription.next().await, Some(FeedEvent::Undecodable));
    assert_eq!(sender.send(FeedEvent::Undecodable, half), Ok(()));
}

#[test]
fn sender_learns_that_the_follower_has_gone() {
    let (sender, subscription) = channel();
    drop(subscription);
    assert_eq!(sender.send(FeedEvent::Undecodable, 0), Err(Cut::Gone));
}

#[test]
fn sequence_is_read_from_a_frame_and_from_nothing_shorter() {
    let frame = testkit::builders::envelope().sequence(1 << 52).encode();
    assert_eq!(sequence_of(&frame), Some(1 << 52));
    assert_eq!(sequence_of(&frame[..23]), None);
}

#[test]
fn reader_ids_and_statuses_keep_their_limits() {
    for id in ["r", "reader-1.example:9181", &"x".repeat(64)] {
        assert!(check_reader_id(id).is_ok(), "{id}");
    }
    for id in ["", "two words", "tab\t", "größer", &"x".repeat(65)] {
        assert!(check_reader_id(id).is_err(), "{id}");
    }
    assert!(check_status(&"x".repeat(crate::limits::STATUS_BYTES_MAX)).is_ok());
    assert!(check_status(&"x".repeat(crate::limits::STATUS_BYTES_MAX + 1)).is_err());
}

#[tokio::test]
async fn superseded_rebuild_drops_nothing_of_its_successor() {
    let server = RedisServer::shared().await;
    let bus = RedisBus::open(&server.url(), &namespace()).unwrap();
    let begin = |build| Begin {
        term: 1,
        epoch: EPOCH,
        build,
        head: Sequence(1),
        link: link(1),
        buckets: 1,
    };
    let (first, second) = (Build(1), Build(2));
    assert_eq!(bus.begin(&begin(first)).await.unwrap(), Ok(()));
    assert_eq!(bus.begin(&begin(second)).await.unwrap(), Ok(()));

    // The first rebuild's leader was frozen before it cleared up.
    bus.drop_other_builds(first).await;

    let mut snapshot = bus.snapshot().await.unwrap();
    let buckets = snapshot.buckets(second, &[0]).await.unwrap();
    assert_ne!(buckets, [BucketRead::Lost]);
}
