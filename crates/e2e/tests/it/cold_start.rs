//! A reader starts while Redis and every writer are away.

use std::{fs, time::Duration};

use serde_json::Value;
use tempfile::TempDir;
use testkit::eventually;

use fleet::{Fleet, Node};

const POSTS: usize = 50;

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn reader_starts_from_its_local_snapshot_while_nobody_else_is_there() {
    let mut fleet = Fleet::start().await;
    let writer = fleet.writer("writer-1").await;
    let directory = TempDir::with_prefix("snapshot-").unwrap();
    let more = [format!("--snapshot-dir={}", directory.path().display())];
    let reader = fleet.reader_with("reader-1", &more);
    fleet.ready(&reader).await;
    for number in 0..POSTS {
        fleet.create(&writer, &id(number), "first").await;
    }
    for number in 0..POSTS {
        fleet.until_served(&reader, &id(number), "first").await;
    }

    end(reader).await;
    let written = fs::metadata(directory.path().join("reader.snapshot"));
    assert!(written.unwrap().len() > 0);
    // What the file does not know of.
    fleet.create(&writer, &id(0), "second").await;
    delete(&fleet, &writer, &id(1)).await;
    writer.signal("KILL");
    fleet.redis.kill();

    let reader = fleet.reader_with("reader-2", &more);
    fleet.ready(&reader).await;
    for number in 0..POSTS {
        fleet.until_served(&reader, &id(number), "first").await;
    }
    let status = eventually("it says that it stands alone", async || {
        let status = fleet.status(&reader).await?;
        (status["source"] == "local").then_some(status)
    })
    .await;
    assert_eq!(status["staleness_ms"], Value::Null, "nobody knows");
    assert!(status["snapshot_age_ms"].as_u64().is_some(), "{status}");
    assert_eq!(status["entries"], POSTS);

    fleet.redis.restart().await;
    let back = fleet.writer("writer-2").await;
    fleet.until_served(&reader, &id(0), "second").await;
    eventually("what was deleted is gone", async || {
        let url = format!("http://{}/v1/posts/{}", reader.listen, id(1));
        let answer = fleet.http.get(url).send().await.ok()?;
        (answer.status() == 404).then_some(())
    })
    .await;
    fleet.create(&back, "new", "live").await;
    fleet.until_served(&reader, "new", "live").await;
    eventually("it stands alone no more", async || {
        let status = fleet.status(&reader).await?;
        let is_fresh = status["staleness_ms"].as_u64()? < 60_000;
        (is_fresh && status["source"] == "redis" && status["snapshot_age_ms"].is_null())
            .then_some(())
    })
    .await;
}

/// A reader that was killed has the file of its last interval; one whose file is damaged has none.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn killed_reader_starts_again_and_ignores_a_damaged_file() {
    let fleet = Fleet::start().await;
    let writer = fleet.writer("writer-1").await;
    let directory = TempDir::with_prefix("snapshot-").unwrap();
    let more = [
        format!("--snapshot-dir={}", directory.path().display()),
        "--snapshot-interval=1s".to_owned(),
    ];
    let reader = fleet.reader_with("reader-1", &more);
    fleet.ready(&reader).await;
    fleet.create(&writer, "a", "kept").await;
    fleet.until_served(&reader, "a", "kept").await;
    let file = directory.path().join("reader.snapshot");
    eventually("it is in the file", async || {
        let octets = fs::read(&file).ok()?;
        octets.windows(4).any(|four| four == b"kept").then_some(())
    })
    .await;
    reader.signal("KILL");
    writer.signal("KILL");
    fleet.redis.kill();

    let again = fleet.reader_with("reader-2", &more);
    fleet.until_served(&again, "a", "kept").await;
    again.signal("KILL");
    let mut octets = fs::read(&file).unwrap();
    let body = octets.windows(4).position(|four| four == b"kept").unwrap();
    octets[body] ^= 1;
    fs::write(&file, octets).unwrap();

    let refusing = fleet.reader_with("reader-3", &more);
    eventually("it is refused", async || {
        let log = refusing.process.log();
        log.contains("the local snapshot is ignored").then_some(())
    })
    .await;
    assert_eq!(fleet.asked(&refusing, "/readyz").await, 503);
    let metrics = format!("http://{}/metrics", refusing.admin);
    let text = fleet.http.get(metrics).send().await.unwrap();
    let text = text.text().await.unwrap();
    assert!(text.contains("pressrun_snapshot_refused_total 1"), "{text}");
}

fn id(number: usize) -> String {
    format!("post-{number}")
}

async fn delete(fleet: &Fleet, writer: &Node, id: &str) {
    let url = format!("http://{}/v1/posts/{id}", writer.listen);
    let answer = fleet.http.delete(url).timeout(Duration::from_secs(20));
    assert_eq!(answer.send().await.expect("an answer").status(), 204);
}

/// Ends as a signal asks it to, and has written its file by then.
async fn end(reader: Node) {
    reader.signal("TERM");
    eventually("the reader ends", async || {
        reader.process.log().contains("reader ends").then_some(())
    })
    .await;
    assert!(
        reader
            .process
            .log()
            .contains("the local snapshot is written")
    );
    assert_eq!(reader.process.status().expect("a status"), Some(0));
}
