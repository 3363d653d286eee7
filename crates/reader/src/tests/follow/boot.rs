//! From nothing to ready.

use bus::MemoryBus;
use testkit::eventually;
use tokio::time::Instant;

use super::{Origin, World};
use crate::{catalog::Lookup, replica::Timing};

#[tokio::test(start_paused = true)]
async fn reader_boots_to_ready_with_all_documents() {
    let origin = Origin::new(MemoryBus::new());
    for n in 0..40 {
        origin.commit_put(&n.to_string(), &format!("body {n}"));
    }
    origin.commit_delete("7");
    origin.rebuild().await;
    let mut world = World::reading(origin);
    world.lead();

    world.until_ready().await;
    world.until_converged().await;

    assert_eq!(world.now().entries, 39);
    for n in 0..40 {
        let expected = (n != 7).then(|| format!("body {n}"));
        assert_eq!(world.served(&n.to_string()), expected);
    }
    assert_eq!(world.now().source, "memory");
    assert_eq!(world.now().hydrations, 1);
}

#[tokio::test(start_paused = true)]
async fn reader_is_not_ready_before_the_first_heartbeat() {
    let origin = Origin::new(MemoryBus::new());
    origin.commit_put("a", "first");
    origin.rebuild().await;
    let mut world = World::reading(origin);

    // Three silences: it has had every other chance to become ready.
    let now = world.until("the feed is silent", |now| now.gaps >= 3).await;
    assert_eq!((now.hydrations, now.sequence), (1, Some(1)));
    assert!(!now.ready);
    assert!(matches!(
        world.catalog.lookup(("posts", "a")),
        Lookup::NotReady
    ));
    assert_eq!(now.staleness_ms, None);

    world.lead();
    world.until_ready().await;
    world.until_served("a", "first").await;
}

#[tokio::test(start_paused = true)]
async fn reader_of_an_empty_bus_waits_for_its_first_snapshot() {
    let mut world = World::alone();
    world.lead();
    world.origin.commit_put("a", "first");
    let waiting = world.until("a head is heard of", |now| now.head.is_some());
    assert!(!waiting.await.ready);

    world.origin.rebuild().await;

    world.until_ready().await;
    assert_eq!(world.served("a").as_deref(), Some("first"));
}

#[tokio::test(start_paused = true)]
async fn reader_that_starts_without_its_bus_boots_once_it_comes() {
    let origin = Origin::new(MemoryBus::new());
    origin.commit_put("a", "first");
    origin.rebuild().await;
    origin.bus().go_away();
    let mut world = World::reading(origin);
    world.lead();
    let started = Instant::now();
    eventually("several attempts have failed", async || {
        (started.elapsed() > Timing::DEFAULT.retry_max * 3).then_some(())
    })
    .await;
    let now = world.now();
    assert_eq!((now.ready, now.state.as_str()), (false, "connecting"));
    assert_eq!(world.bus.subscriptions(), 0);

    world.bus.come_back();

    world.until_ready().await;
    assert_eq!(world.served("a").as_deref(), Some("first"));
}

#[tokio::test(start_paused = true)]
async fn reader_that_starts_amid_a_rebuild_waits_for_its_end() {
    let origin = Origin::new(MemoryBus::new());
    origin.commit_put("a", "first");
    let rebuild = origin.begin_rebuild().await;
    let mut world = World::reading(origin);
    world.lead();
    let now = world.until("a head is heard of", |now| now.head == Some(1));
    assert!(!now.await.ready);

    rebuild.finish().await;

    world.until_ready().await;
    assert_eq!(world.served("a").as_deref(), Some("first"));
}
