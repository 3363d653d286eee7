//! Scrubs: what following missed does not stay.

use bus::Publisher;
use testkit::builders::{envelope, key};

use super::{World, origin::BUCKETS};

#[tokio::test(start_paused = true)]
async fn document_that_following_missed_is_mended() {
    let world = World::ready().await;
    let meta = world.bus.meta().await.unwrap().unwrap();
    // As if a change of the past had never reached this reader.
    let missed = envelope().key("b").put(b"missed").sequence(1).encode();
    let missed = [(key("b"), missed)];
    let mended = world.bus.mend(meta.term, meta.build, &missed).await;
    assert_eq!(mended.unwrap(), Ok(1));

    world.until_served("b", "missed").await;
    let now = world.until("it is counted", |now| now.repairs > 0).await;
    assert_eq!((now.repairs, now.hydrations, now.gaps), (1, 1, 0));
}

#[tokio::test(start_paused = true)]
async fn document_with_other_octets_than_the_bus_has_is_mended() {
    let world = World::ready().await;
    // As if memory had been damaged: the bus says otherwise of the same position.
    world.origin.alter("a", "intact").await;

    world.until_served("a", "intact").await;
    let now = world.until("it is counted", |now| now.repairs > 0).await;
    assert_eq!((now.repairs, now.hydrations, now.gaps), (1, 1, 0));
}

#[tokio::test(start_paused = true)]
async fn document_that_the_bus_lacks_is_dropped_at_the_end_of_a_pass() {
    let world = World::ready().await;
    world.origin.put("b", "stays").await;
    world.until_served("b", "stays").await;
    world.bus.lose_document(&key("a"));

    let now = world.until("it is dropped", |now| now.repairs > 0).await;
    assert!(now.scrubs >= u64::from(BUCKETS), "{} buckets", now.scrubs);
    assert!(!world.holds("a"));
    assert_eq!(world.served("b").as_deref(), Some("stays"));
}

#[tokio::test(start_paused = true)]
async fn scrubs_of_what_is_right_repair_nothing() {
    let world = World::ready().await;
    for id in ["b", "c", "d", "e"] {
        world.origin.put(id, "body").await;
    }
    world.origin.delete("c").await;
    let passes = u64::from(BUCKETS) * 3;
    let now = world
        .until("three passes are over", |now| now.scrubs >= passes)
        .await;
    assert_eq!((now.repairs, now.entries), (0, 4));
}
