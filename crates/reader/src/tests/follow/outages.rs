//! A bus that goes away, comes back, or loses what it held; and what the reader says meanwhile.

use bus::{MemoryBus, Publisher};
use tokio::time::{Duration, Instant};

use super::{Origin, World, origin::BUCKETS};

/// Staleness of a reader whose bus works, at most: a probe every 250 ms, repeated by the next
/// heartbeat within 250 ms, judged within a tick.
const FRESH_MS: u64 = 600;

fn is_fresh(staleness_ms: Option<u64>) -> bool {
    staleness_ms.is_some_and(|age| age <= FRESH_MS)
}

#[tokio::test(start_paused = true)]
async fn staleness_stays_small_while_heartbeats_repeat_the_nonces() {
    let world = World::ready().await;
    world
        .until("it is fresh", |now| is_fresh(now.staleness_ms))
        .await;
    let started = Instant::now();

    world
        .until("ten seconds have passed", |now| {
            assert!(is_fresh(now.staleness_ms), "{:?}", now.staleness_ms);
            started.elapsed() > Duration::from_secs(10)
        })
        .await;

    assert_eq!(world.now().gaps, 0);
}

#[tokio::test(start_paused = true)]
async fn staleness_grows_while_a_committed_change_is_missing() {
    let world = World::ready().await;
    let change = world.origin.commit_put("a", "second");

    let now = world
        .until("it is stale", |now| now.staleness_ms >= Some(3000))
        .await;
    assert_eq!((now.ready, now.lag, now.gaps), (true, Some(1), 0));
    assert!(now.replays > 0);
    assert_eq!(world.served("a").as_deref(), Some("first"));

    world.origin.publish(&change).await;
    world.until_served("a", "second").await;
    world
        .until("it is fresh", |now| is_fresh(now.staleness_ms))
        .await;
}

#[tokio::test(start_paused = true)]
async fn reader_serves_and_says_how_stale_it_is_while_the_bus_is_away() {
    let world = World::ready().await;
    world.bus.go_away();
    let change = world.origin.commit_put("a", "second");

    let now = world
        .until("it is stale", |now| now.staleness_ms >= Some(10_000))
        .await;
    assert_eq!((now.ready, now.state.as_str()), (true, "connecting"));
    assert_eq!(world.served("a").as_deref(), Some("first"));

    world.bus.come_back();
    world.origin.publish(&change).await;
    world.until_served("a", "second").await;
    let now = world.until("it is fresh", |now| is_fresh(now.staleness_ms));
    assert_eq!(now.await.hydrations, 1);
}

#[tokio::test(start_paused = true)]
async fn silent_feed_is_given_up_and_subscribed_to_again() {
    let mut world = World::ready().await;
    // The leader is gone, the bus is not.
    world.stop_leading();

    let now = world.until("silences are gaps", |now| now.gaps >= 3).await;
    assert_eq!(now.silences, now.gaps);

    world.origin.put("a", "second").await;
    world.until_served("a", "second").await;
    assert!(world.now().ready);
}

#[tokio::test(start_paused = true)]
async fn loss_of_everything_is_healed_by_a_rebuild() {
    let world = World::ready().await;
    world.bus.lose_everything();
    assert_eq!(world.bus.meta().await.unwrap(), None);
    world.origin.commit_put("a", "second");
    world.origin.commit_put("b", "new");
    let now = world.until("it knows what it lacks", |now| now.lag == Some(2));
    assert!(now.await.ready);
    assert_eq!(world.served("a").as_deref(), Some("first"));

    world.origin.rebuild().await;

    world.until_converged().await;
    world.until_served("a", "second").await;
    world.until_served("b", "new").await;
    assert_eq!(world.now().hydrations, 2);
    // The new build is followed live.
    world.origin.put("a", "third").await;
    world.until_served("a", "third").await;
}

#[tokio::test(start_paused = true)]
async fn document_deleted_while_the_bus_was_empty_is_dropped() {
    let world = World::ready().await;
    world.origin.put("b", "stays").await;
    world.until_converged().await;
    world.bus.lose_everything();
    world.origin.commit_delete("a");
    world.origin.purge("a");
    world.origin.rebuild().await;

    world.until_converged().await;

    assert_eq!(world.served("a"), None);
    assert!(!world.holds("a"));
    assert_eq!(world.served("b").as_deref(), Some("stays"));
}

#[tokio::test(start_paused = true)]
async fn lost_bucket_is_reported_and_healed_by_a_rebuild() {
    let origin = Origin::new(MemoryBus::new());
    for n in 0..40 {
        origin.commit_put(&n.to_string(), "body");
    }
    origin.rebuild().await;
    let bus = origin.bus().clone();
    assert!(bus.meta().await.unwrap().unwrap().complete);
    bus.lose_bucket(BUCKETS - 1);
    assert!(
        bus.meta().await.unwrap().unwrap().complete,
        "unnoticed so far"
    );
    let mut world = World::reading(origin);
    world.lead();

    testkit::eventually("the loss is reported", async || {
        let meta = bus.meta().await.unwrap().unwrap();
        (!meta.complete).then_some(())
    })
    .await;
    assert!(!world.now().ready);
    assert_eq!(world.now().hydrations, 0);

    world.origin.rebuild().await;
    world.until_ready().await;
    world.until_converged().await;
    assert_eq!(world.now().entries, 40);
}

#[tokio::test(start_paused = true)]
async fn failover_to_a_replica_behind_the_reader_takes_nothing_back() {
    let world = World::ready().await;
    let behind = world.bus.checkpoint();
    let change = world.origin.commit_put("a", "second");
    world.origin.publish(&change).await;
    world.until_served("a", "second").await;

    world.bus.roll_back(&behind);
    let meta = world.bus.meta().await.unwrap().unwrap();
    assert!(meta.position() < world.origin.head());
    world
        .until("it follows again", |now| {
            now.gaps == 1 && now.state == "following"
        })
        .await;
    assert_eq!(world.position(), Some(world.origin.head()));
    assert_eq!(world.served("a").as_deref(), Some("second"));

    // The sweep fills the bus up, and new changes reach the reader.
    world.origin.publish(&change).await;
    world.origin.put("b", "new").await;
    world.until_served("b", "new").await;
    assert_eq!(world.now().hydrations, 1);
}
