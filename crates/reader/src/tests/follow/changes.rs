//! Changes, live and replayed.

use bus::{
    FeedEvent, Follower,
    limits::{INLINE_BYTES_MAX, REPLAY_SLOTS_MAX},
};
use shared::FeedMessage;
use tokio::time::Instant;

use super::World;
use crate::replica::Timing;

#[tokio::test(start_paused = true)]
async fn live_change_is_served_without_asking_the_log() {
    let world = World::ready().await;
    let before = world.now();

    world.origin.put("a", "second").await;
    world.origin.put("b", "new").await;

    world.until_served("a", "second").await;
    world.until_served("b", "new").await;
    world.until_converged().await;
    let now = world.now();
    assert_eq!((now.replays, now.gaps), (before.replays, before.gaps));
}

#[tokio::test(start_paused = true)]
async fn change_published_while_nobody_is_subscribed_is_replayed() {
    let world = World::ready().await;
    world.bus.disconnect_all();
    assert_eq!(world.bus.subscriptions(), 0);
    world.origin.put("a", "second").await;

    let before = (world.now(), Instant::now());
    world.until_served("a", "second").await;
    // Not by its silence: the end of the subscription tells at once.
    assert!(before.1.elapsed() < Timing::DEFAULT.silence_max / 4);
    world.until_converged().await;

    let now = world.now();
    assert_eq!((now.gaps, now.hydrations), (1, 1));
    assert!(now.replays > before.0.replays);
}

#[tokio::test(start_paused = true)]
async fn more_changes_than_a_page_of_the_log_are_replayed() {
    let world = World::ready().await;
    world.bus.disconnect_all();
    for n in 0..=2 * REPLAY_SLOTS_MAX {
        world.origin.put(&n.to_string(), "missed").await;
    }

    world.until_converged().await;

    let now = world.now();
    assert_eq!((now.gaps, now.hydrations), (1, 1));
    assert_eq!(now.entries, 2 * REPLAY_SLOTS_MAX + 2);
}

#[tokio::test(start_paused = true)]
async fn each_cut_is_a_gap_that_replay_closes() {
    let world = World::ready().await;
    for n in 1..=5_u64 {
        world.bus.disconnect_all();
        world.origin.put("a", &n.to_string()).await;
        world.until_served("a", &n.to_string()).await;
        let now = world.until("the cut is counted", |now| now.gaps >= n).await;
        assert_eq!((now.gaps, now.hydrations), (n, 1));
    }
}

#[tokio::test(start_paused = true)]
async fn change_too_large_for_the_feed_arrives_by_replay() {
    let world = World::ready().await;
    let mut feed = world.bus.subscribe().await.unwrap();
    let before = (world.now(), Instant::now());
    let body = "x".repeat(INLINE_BYTES_MAX + 1);

    world.origin.put("large", &body).await;

    world.until_served("large", &body).await;
    // Not by a heartbeat's head: the notice tells at once.
    assert!(before.1.elapsed() < Timing::DEFAULT.head_patience);
    world.until_converged().await;
    assert!(world.now().replays > before.0.replays);
    let notice = loop {
        match feed.next().await {
            Some(FeedEvent::Message(FeedMessage::Notice(slot))) => break slot,
            Some(FeedEvent::Message(FeedMessage::Heartbeat(_))) => {}
            other => panic!("not a notice: {other:?}"),
        }
    };
    assert_eq!(notice.position, world.origin.head());
}

#[tokio::test(start_paused = true)]
async fn deleted_document_is_absent() {
    let world = World::ready().await;

    world.origin.delete("a").await;

    world.until_converged().await;
    assert_eq!(world.served("a"), None);
    assert_eq!(world.now().entries, 0);
}

#[tokio::test(start_paused = true)]
async fn put_that_comes_after_a_later_delete_does_not_bring_it_back() {
    let world = World::ready().await;
    let put = world.origin.commit_put("a", "late");
    let delete = world.origin.commit_delete("a");
    world.origin.publish(&delete).await;
    // Far longer than tombstones below the position are kept.
    world
        .until("the hole stands", |now| now.replays > 100)
        .await;
    assert_eq!(world.served("a"), None);
    assert_eq!(world.now().sequence, Some(1));

    world.origin.publish(&put).await;

    world.until_converged().await;
    assert_eq!(world.served("a"), None);
}

#[tokio::test(start_paused = true)]
async fn put_repeated_after_its_tombstone_is_forgotten_does_not_bring_it_back() {
    let world = World::ready().await;
    let beginning = world.bus.checkpoint();
    let put = world.origin.commit_put("a", "again");
    world.origin.publish(&put).await;
    let delete = world.origin.commit_delete("a");
    world.origin.publish(&delete).await;
    world.until_converged().await;
    world
        .until("no tombstone is held", |now| now.tombstones == 0)
        .await;

    // A failover to a replica that lacks both: a writer that slept publishes them again.
    world.bus.roll_back(&beginning);
    world
        .until("it follows again", |now| {
            now.gaps == 1 && now.state == "following"
        })
        .await;
    let mut feed = world.bus.subscribe().await.unwrap();
    world.origin.publish(&put).await;
    assert!(matches!(
        feed.next().await,
        Some(FeedEvent::Message(FeedMessage::Delivery(_)))
    ));
    world.origin.publish(&delete).await;
    world.origin.put("b", "after").await;

    world.until_served("b", "after").await;
    assert_eq!(world.served("a"), None);
    assert!(!world.holds("a"));
}
