//! What becomes of a bus when another server takes its master's place: the same, whether sentinels
//! or a Cluster lead to it.

use std::time::Duration;

use bus::{Build, PublishOutcome};
use shared::Sequence;
use testkit::{builders::slot, eventually, redis::RedisServer};

use crate::contract::subject::{Subject, change, next_delivery, next_event, published};

/// Nobody is to be thought dead because the machine is busy.
pub(crate) const NEVER: Duration = Duration::from_mins(1);

/// How long a master is silent until it counts as dead.
pub(crate) const PATIENCE: Duration = Duration::from_secs(1);

/// Kills the master once its replicas have fallen behind. `promoted` waits for the server that takes
/// its place.
pub(crate) async fn what_a_killed_master_alone_had_is_published_again<'a>(
    bus: &Subject,
    master: &RedisServer,
    replicas: &[&RedisServer],
    promoted: impl AsyncFnOnce() -> &'a RedisServer,
) {
    let build = bus.complete_at(0).await;
    bus.publish_range(build, 1, 5).await;
    let mut feed = bus.subscribe().await;
    let mut snapshot = bus.follower.snapshot().await.expect("Redis answers");
    let there = master.replicated().await;
    for replica in replicas {
        eventually("the replica has it", async || {
            (replica.replicated().await >= there).then_some(())
        })
        .await;
        replica.fall_behind().await;
    }
    bus.publish_range(build, 6, 8).await;

    master.kill();

    let successor = promoted().await;
    // What was open is lost, and says so.
    while next_event(&mut feed).await.is_some() {}
    assert!(snapshot.meta().await.is_err(), "it never reconnects");
    let meta = eventually("the bus finds the new master", async || {
        bus.publisher.meta().await.ok()?
    })
    .await;
    assert_eq!(meta.build, build);
    assert_eq!(
        meta.published_through,
        Sequence(5),
        "the last writes are lost"
    );
    let mut feed = bus.subscribe().await;
    bus.publish_range(build, 6, 9).await;
    assert_eq!(next_delivery(&mut feed).await.0, slot(6));
    assert_eq!(published_through(successor).await, 9, "at the new master");
    let mut snapshot = bus.follower.snapshot().await.expect("Redis answers");
    let meta = snapshot.meta().await.expect("Redis answers");
    assert_eq!(meta.map(|meta| meta.published_through), Some(Sequence(9)));
}

/// A bus that lost its master publishes slot `next` and the one after it at this one.
pub(crate) async fn goes_on_at(bus: &Subject, build: Build, next: u64, master: &RedisServer) {
    let outcomes = eventually("the bus finds the new master", async || {
        let change = change(next, "a");
        bus.publisher.publish(build, &[change]).await.ok()
    })
    .await;
    // An attempt whose answer was lost may have been one that succeeded.
    assert!(
        [published(next), PublishOutcome::Duplicate].contains(&outcomes[0]),
        "{outcomes:?}"
    );
    let mut feed = bus.subscribe().await;
    bus.publish(build, change(next + 1, "b")).await;
    assert_eq!(next_delivery(&mut feed).await.0, slot(next + 1));
    assert_eq!(published_through(master).await, next + 1);
}

/// What this server itself holds.
pub(crate) async fn published_through(server: &RedisServer) -> u64 {
    let words = ["HGET", "{pressrun}:meta", "published_through"];
    server.command(&words).await
}
