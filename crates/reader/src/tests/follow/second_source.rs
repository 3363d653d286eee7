//! A writer's internal plane in place of the bus: over real sockets, so in real time.

use std::{
    net::{Ipv4Addr, SocketAddr},
    sync::atomic::Ordering,
    time::Duration,
};

use bus::MemoryBus;
use testkit::eventually;
use tokio::time::Instant;

use crate::status::ReaderStatus;

use super::{
    Origin, World,
    plane::{Plane, writers},
};

async fn origin() -> Origin {
    let origin = Origin::new(MemoryBus::new());
    origin.rebuild().await;
    origin.put("a", "first").await;
    origin
}

/// A reader whose bus is away and that has this plane to ask.
fn without_bus(origin: Origin, plane: &Plane) -> World {
    origin.bus().go_away();
    World::with_writer(origin, Some(writers(&[plane.address])))
}

#[tokio::test]
async fn reader_stays_fresh_while_the_bus_is_away_and_returns_to_it() {
    let origin = origin().await;
    let plane = Plane::of(&origin).await;
    let mut world = World::with_writer(origin, Some(writers(&[plane.address])));
    world.lead();
    world.until_ready().await;
    world
        .until("the bus confirms", |now| {
            now.source == "memory" && now.staleness_ms.is_some()
        })
        .await;

    world.bus.go_away();
    world
        .until("the writer is asked", |now| now.source == "writer")
        .await;
    let started = Instant::now();
    let mut changes = Vec::new();
    while started.elapsed() < Duration::from_secs(2) {
        let body = changes.len().to_string();
        changes.push(world.origin.commit_put("a", &body));
        world.until_served("a", &body).await;
        assert_eq!(world.now().source, "writer");
        // The bus has confirmed nothing for longer, from the second second on.
        let is_fresh = |now: &ReaderStatus| now.staleness_ms.is_some_and(|age| age < 1_000);
        world.until("it is fresh", is_fresh).await;
    }

    world.bus.come_back();
    for change in &changes {
        world.origin.publish(change).await;
    }
    world
        .until("the bus confirms again", |now| now.source == "memory")
        .await;
    world.origin.put("a", "live").await;
    world.until_served("a", "live").await;
    assert_eq!(world.now().hydrations, 1);
}

#[tokio::test]
async fn reader_boots_from_a_writer_while_the_bus_is_away() {
    let origin = origin().await;
    let plane = Plane::of(&origin).await;
    let world = without_bus(origin, &plane);
    world.until_ready().await;
    assert_eq!(world.served("a").as_deref(), Some("first"));
    assert_eq!(world.now().source, "writer");
}

#[tokio::test]
async fn snapshot_without_its_trailer_is_a_failure() {
    let origin = origin().await;
    let plane = Plane::of(&origin).await;
    plane.cuts.store(true, Ordering::Relaxed);
    let world = without_bus(origin, &plane);
    // The second try shows that the first was judged.
    eventually("it was tried twice", async || {
        (plane.snapshots() >= 2).then_some(())
    })
    .await;
    assert!(!world.now().ready);
    assert_eq!(world.position(), None);

    plane.cuts.store(false, Ordering::Relaxed);
    world.until_ready().await;
    world.until_converged().await;
}

#[tokio::test]
async fn next_writer_is_asked_where_the_first_does_not_answer() {
    let origin = origin().await;
    origin.bus().go_away();
    let plane = Plane::of(&origin).await;
    let nobody = SocketAddr::from((Ipv4Addr::LOCALHOST, 1));
    let both = writers(&[nobody, plane.address]);
    let world = World::with_writer(origin, Some(both));
    world.until_ready().await;
    world.origin.commit_put("a", "second");
    world.until_served("a", "second").await;
}

#[tokio::test]
async fn restored_database_is_followed_while_the_bus_is_away() {
    let origin = origin().await;
    let backup = origin.back_up();
    origin.put("b", "lost").await;
    let plane = Plane::of(&origin).await;
    let world = without_bus(origin, &plane);
    world.until_ready().await;
    assert_eq!(world.served("b").as_deref(), Some("lost"));

    world.origin.restore(&backup);
    world.until_converged().await;
    assert_eq!(world.served("b"), None);
    assert_eq!(world.served("a").as_deref(), Some("first"));
}

#[tokio::test]
async fn changes_no_longer_kept_are_hydrated_from_the_writer() {
    let origin = origin().await;
    let plane = Plane::of(&origin).await;
    let world = without_bus(origin, &plane);
    world.until_ready().await;
    // Nothing is awaited between these, so no poll comes between them.
    world.origin.commit_put("b", "new");
    world.origin.lock().prune();
    world.origin.commit_put("a", "second");
    world.until_served("a", "second").await;
    world.until_served("b", "new").await;
    world
        .until("the writer's snapshot was read", |now| now.hydrations > 1)
        .await;
}
