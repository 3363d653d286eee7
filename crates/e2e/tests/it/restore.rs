//! The database comes back from an earlier copy: another history, told apart from the one before.

use serde_json::json;
use testkit::{Postgres, eventually};

use fleet::{Fleet, Node};

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
