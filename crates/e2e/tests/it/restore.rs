//! The database comes back from an earlier copy: another history, told apart from the one before.

use std::process::Command;

use serde_json::json;
use testkit::{Postgres, eventually};

use fleet::{Fleet, Node, binary, loopback};

use crate::truth::Truth;

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn readers_move_to_the_restored_history_by_themselves() {
    let fleet = Fleet::start().await;
    let writer = fleet.writer("writer-1").await;
    let readers = [fleet.reader("reader-1"), fleet.reader("reader-2")];
    for reader in &readers {
        fleet.ready(reader).await;
    }
    for number in 0..20 {
        put(&fleet, &writer, "kept", number).await;
    }
    let postgres = Postgres::shared().await;
    let backup = postgres.copy_database(&fleet.database_url).await;
    for number in 0..50 {
        put(&fleet, &writer, "lost", number).await;
    }
    let before = Truth::read(&fleet).await;
    for reader in &readers {
        before.check_reader(&fleet, reader).await;
    }

    postgres
        .replace_database(&fleet.database_url, &backup)
        .await;

    put(&fleet, &writer, "after", 0).await;
    let after = eventually("the restored database has a new epoch", async || {
        let truth = Truth::read(&fleet).await;
        (truth.epoch > before.epoch).then_some(truth)
    })
    .await;
    let lost = |key: &(String, String)| key.0 == "lost";
    assert!(before.live.keys().any(lost) && !after.live.keys().any(lost));
    for reader in &readers {
        after.check_reader(&fleet, reader).await;
        let url = format!("http://{}/v1/lost/1", reader.listen);
        let answer = fleet.http.get(url).send().await.expect("an answer");
        assert_eq!(answer.status(), 404, "what was lost is not served");
    }
}

/// Redis has forgotten the history that was lost, and readers know no writer whom they could ask.
async fn forgotten_history(fleet: &Fleet) -> (Node, Truth) {
    let writer = fleet.writer("writer-1").await;
    let url = fleet.redis.url();
    let reader = fleet.reader_over("reader-1", &url, &[], loopback(), loopback());
    fleet.ready(&reader).await;
    put(fleet, &writer, "kept", 0).await;
    let postgres = Postgres::shared().await;
    let backup = postgres.copy_database(&fleet.database_url).await;
    for number in 0..10 {
        put(fleet, &writer, "lost", number).await;
    }
    let before = Truth::read(fleet).await;
    before.check_reader(fleet, &reader).await;

    drop(writer);
    postgres
        .replace_database(&fleet.database_url, &backup)
        .await;
    let flushed: String = fleet.redis.command(&["FLUSHALL"]).await;
    assert_eq!(flushed, "OK");
    (reader, before)
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn leader_notices_readers_that_are_ahead_of_a_restored_database() {
    let fleet = Fleet::start().await;
    let (reader, before) = forgotten_history(&fleet).await;
    let writer = fleet.writer("writer-2").await;
    let after = eventually("a new epoch has begun", async || {
        let after = Truth::read(&fleet).await;
        (before.epoch < after.epoch).then_some(after)
    })
    .await;
    after.check_reader(&fleet, &reader).await;
    let lost = format!("http://{}/v1/lost/1", reader.listen);
    let answer = fleet.http.get(lost).send().await.expect("an answer");
    assert_eq!(answer.status(), 404);
    drop(writer);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn epoch_begun_by_hand_moves_readers_before_any_writer_looks() {
    let fleet = Fleet::start().await;
    let (reader, before) = forgotten_history(&fleet).await;
    let begun = Command::new(binary("pressrun"))
        .arg("new-epoch")
        .env("DATABASE_URL", &fleet.database_url)
        .output();
    let begun = begun.expect("pressrun runs");
    assert!(begun.status.success(), "{begun:?}");
    let _writer = fleet.writer("writer-2").await;

    let after = Truth::read(&fleet).await;
    assert!(after.epoch > before.epoch && after.live.len() == 1);
    let position = String::from_utf8_lossy(&begun.stdout);
    assert_eq!(position.trim(), format!("{}.{}", after.epoch, after.head));
    after.check_reader(&fleet, &reader).await;
    let lost = format!("http://{}/v1/lost/1", reader.listen);
    let answer = fleet.http.get(lost).send().await.expect("an answer");
    assert_eq!(answer.status(), 404);
}

/// Writes until it is acknowledged: sessions end amid a restore.
async fn put(fleet: &Fleet, writer: &Node, collection: &str, number: u32) {
    let url = format!("http://{}/v1/{collection}/{number}", writer.listen);
    eventually("the write is acknowledged", async || {
        let request = fleet.http.put(&url).json(&json!({ "number": number }));
        let answer = request.send().await.ok()?;
        answer.status().is_success().then_some(())
    })
    .await;
}
