//! Readers ahead of the database.

use std::sync::atomic::Ordering;

use bus::Follower;
use serde_json::json;

use super::stage::{Stage, put, stage};
use crate::store::EPOCH_SEEN_MAX;

async fn register(stage: &Stage, epoch: u64, sequence: u64) {
    let status = json!({"epoch": epoch, "sequence": sequence}).to_string();
    stage.bus.register("reader-1", &status).await.unwrap();
}

/// The epoch before and after a look, with the head that a reader may have reached.
async fn looked(stage: &Stage, reader: impl Fn(u64, u64) -> (u64, u64)) -> (u64, u64) {
    let before = stage.store.feed().await.unwrap().tip.position;
    let (epoch, sequence) = reader(before.epoch.0, before.sequence.0);
    register(stage, epoch, sequence).await;
    stage.leader.look_for_readers_ahead().await.unwrap();
    let after = stage.store.feed().await.unwrap().tip.position;
    (before.epoch.0, after.epoch.0)
}

#[tokio::test]
async fn reader_above_the_head_begins_a_new_epoch_once() {
    let stage = stage().await;
    stage.commit(&[put("a", "{}")]).await;
    let (before, after) = looked(&stage, |epoch, head| (epoch, head + 1)).await;
    assert!(before < after);
    assert_eq!(stage.leader.counters.forks.load(Ordering::Relaxed), 1);
    stage.leader.look_for_readers_ahead().await.unwrap();
    let again = stage.store.feed().await.unwrap().tip.position.epoch.0;
    assert_eq!(again, after, "the reader is of an earlier one now");
}

#[tokio::test]
async fn reader_of_an_epoch_that_the_database_has_lost_begins_a_higher_one() {
    let stage = stage().await;
    stage.commit(&[put("a", "{}")]).await;
    let (before, after) = looked(&stage, |epoch, _head| (epoch + 10, 1)).await;
    assert!(before + 10 < after, "{before} {after}");
}

#[tokio::test]
async fn reader_at_the_head_or_below_changes_nothing() {
    let stage = stage().await;
    stage.commit(&[put("a", "{}")]).await;
    let at_the_head = looked(&stage, |epoch, head| (epoch, head)).await;
    let below = looked(&stage, |epoch, head| (epoch, head - 1)).await;
    let of_an_earlier_epoch = looked(&stage, |epoch, head| (epoch - 1, head + 9)).await;
    for (before, after) in [at_the_head, below, of_an_earlier_epoch] {
        assert_eq!(before, after);
    }
}

#[tokio::test]
async fn epoch_that_cannot_be_hides_no_reader_that_is_ahead() {
    let stage = stage().await;
    stage.commit(&[put("a", "{}")]).await;
    let status = json!({"epoch": u64::MAX, "sequence": 1}).to_string();
    stage.bus.register("reader-2", &status).await.unwrap();
    let at_the_head = looked(&stage, |epoch, head| (epoch, head)).await;
    assert_eq!(at_the_head.0, at_the_head.1);
    let (before, after) = looked(&stage, |epoch, head| (epoch, head + 1)).await;
    assert!(before < after);
    assert!(after <= EPOCH_SEEN_MAX);
}

#[tokio::test]
async fn what_is_no_status_changes_nothing() {
    let stage = stage().await;
    stage.commit(&[put("a", "{}")]).await;
    let before = stage.store.feed().await.unwrap().tip;
    for status in [
        "",
        "{}",
        r#"{"epoch":null,"sequence":5}"#,
        r#"{"epoch":"9"}"#,
    ] {
        stage.bus.register("reader-1", status).await.unwrap();
        stage.leader.look_for_readers_ahead().await.unwrap();
    }
    assert_eq!(stage.store.feed().await.unwrap().tip, before);
}
