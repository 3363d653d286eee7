//! A bus that goes away or loses what it held.

use bus::{Build, Follower};
use shared::FeedMessage;
use testkit::eventually;

use super::{Desk, count, next, until_counted};
use crate::store::fixture::{delete, put};

/// Two documents, the second one deleted again, all of it in the bus.
async fn filled() -> (Desk, Build) {
    let desk = Desk::settled().await;
    desk.write(put("a", "{}")).await;
    desk.write(put("b", "{}")).await;
    desk.write(delete("b")).await;
    let build = desk.until_settled().await.build;
    // The next look at what the bus holds comes ten seconds later: until then whatever happens to a
    // bucket, the leader learns from others.
    until_counted("the bus is compared", &desk.leader().compared, 1).await;
    let beats = count(&desk.leader().heartbeats);
    until_counted("that round is over", &desk.leader().heartbeats, beats + 3).await;
    (desk, build)
}

async fn check_rebuilt(desk: &Desk, before: Build) {
    let after = eventually("the bus is rebuilt", async || {
        let meta = desk.until_settled().await;
        (meta.build != before).then_some(meta)
    })
    .await;
    assert_eq!(after.term, 1);
    assert_eq!(desk.body("a").await.as_deref(), Some("{}"));
    assert!(desk.envelope("b").await.is_some(), "the tombstone is there");
    assert_eq!(desk.body("b").await, None);
    assert_eq!(count(&desk.leader().rebuilds), 2);
}

#[tokio::test]
async fn lost_bus_is_filled_again() {
    let (desk, before) = filled().await;
    desk.bus.lose_everything();
    assert_eq!(desk.envelope("a").await, None);
    check_rebuilt(&desk, before).await;
}

#[tokio::test]
async fn lost_meta_is_a_lost_bus() {
    let (desk, before) = filled().await;
    desk.bus.lose_meta();
    check_rebuilt(&desk, before).await;
}

#[tokio::test]
async fn reported_bucket_is_filled_again() {
    let (desk, before) = filled().await;
    desk.bus.lose_bucket(0);
    assert_eq!(desk.envelope("a").await, None);
    assert!(desk.meta().await.complete, "nobody has noticed");
    desk.bus.report_lost(before, 0).await.unwrap();
    check_rebuilt(&desk, before).await;
}

#[tokio::test]
async fn publication_that_finds_its_bucket_lost_has_the_bus_filled_again() {
    let (desk, before) = filled().await;
    desk.bus.lose_bucket(0);
    desk.write(put("c", "{}")).await;
    check_rebuilt(&desk, before).await;
    assert_eq!(count(&desk.engine.parts().publisher.refused), 1);
    assert_eq!(desk.body("c").await.as_deref(), Some("{}"));
}

#[tokio::test]
async fn changes_committed_while_the_bus_was_away_are_swept() {
    let (desk, before) = filled().await;
    let published = desk.meta().await.published_through;
    desk.bus.go_away();
    for n in 0..300 {
        desk.write(put(&format!("n{n}"), "{}")).await;
    }
    desk.write(put("a", "{\"a\":2}")).await;
    let publisher = &desk.engine.parts().publisher;
    until_counted("they are given up", &publisher.abandoned, 301).await;
    until_counted("beats fail", &desk.leader().heartbeats_failed, 3).await;
    until_counted("rounds fail", &desk.leader().rounds_failed, 3).await;

    desk.bus.come_back();
    let mut feed = desk.bus.subscribe().await.unwrap();

    let after = desk.until_settled().await;
    assert_eq!(after.build, before, "swept, not rebuilt");
    assert_eq!(count(&desk.leader().swept), 301);
    assert_eq!(desk.body("a").await.as_deref(), Some("{\"a\":2}"));
    // Followers get every slot in order.
    for number in published.0 + 1..=published.0 + 301 {
        let slot = next(&mut feed, |message| match message {
            FeedMessage::Delivery(delivery) => Some(delivery.slot),
            _ => None,
        })
        .await;
        assert_eq!(slot.position.sequence.0, number);
    }
}

#[tokio::test]
async fn sweep_beyond_what_the_log_keeps_is_a_rebuild() {
    let (desk, before) = filled().await;
    desk.bus.go_away();
    desk.write(put("a", "{\"a\":2}")).await;
    desk.write(put("a", "{}")).await;
    let head = desk.head().await.sequence;
    let pruned = desk.store.prune(head, 100).await.unwrap();
    assert!(
        pruned.changes > 3,
        "what the bus lacks first is no longer kept"
    );
    desk.bus.come_back();

    let after = desk.until_settled().await;
    assert_ne!(after.build, before);
    assert_eq!(count(&desk.leader().swept), 0);
    assert_eq!(desk.body("a").await.as_deref(), Some("{}"));
}

#[tokio::test]
async fn failover_that_lost_the_last_publications_is_swept() {
    let (desk, before) = filled().await;
    let behind = desk.bus.checkpoint();
    desk.write(put("c", "{}")).await;
    desk.until_settled().await;

    desk.bus.roll_back(&behind);
    assert_eq!(desk.envelope("c").await, None);

    assert_eq!(desk.until_settled().await.build, before);
    assert_eq!(desk.body("c").await.as_deref(), Some("{}"));
    assert_eq!(count(&desk.leader().swept), 1);
}
