//! Writers that freeze and wake up late. What they do then is too old to matter.

use std::{net::SocketAddr, time::Duration};

use serde_json::json;
use testkit::{eventually, proxy::Proxy};
use tokio::time::{Instant, sleep};

use fleet::{Fleet, Node};

use crate::{
    load::{Load, report},
    truth::Truth,
};

const FROZEN: Duration = Duration::from_secs(15);

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn frozen_leader_is_succeeded_and_takes_nothing_back() {
    let fleet = Fleet::start().await;
    let leader = fleet.writer("leader").await;
    leads(&fleet, &leader).await;
    let other = fleet.writer("other").await;
    let readers = [fleet.reader("reader-1"), fleet.reader("reader-2")];
    for reader in &readers {
        fleet.ready(reader).await;
    }
    let addresses = readers.each_ref().map(|node| node.listen);
    let load = Load::start(&fleet, &[other.listen], 100, &addresses).await;

    let frozen_at = Instant::now();
    leader.signal("STOP");
    leads(&fleet, &other).await;
    let took = frozen_at.elapsed();
    report(&format!("another led after {took:?}"));
    let term = fleet.status(&other).await.expect("a status")["term"].as_u64();
    sleep(FROZEN.saturating_sub(took)).await;
    leader.signal("CONT");

    eventually("the former leader knows that it is none", async || {
        let status = fleet.status(&leader).await?;
        (status["leader"] == false).then_some(())
    })
    .await;
    eventually("its successor still leads, or one after it", async || {
        let mut leading = Vec::new();
        for writer in [&leader, &other] {
            let status = fleet.status(writer).await?;
            leading.extend((status["leader"] == true).then(|| status["term"].as_u64()));
        }
        (leading.len() == 1 && term <= leading[0]).then_some(())
    })
    .await;
    let tally = load.stop().await;
    tally.check();
    let truth = Truth::read(&fleet).await;
    truth.check_acknowledged(&tally.acknowledged);
    for reader in &readers {
        truth.check_reader(&fleet, reader).await;
    }
}

async fn leads(fleet: &Fleet, writer: &Node) {
    eventually("the writer leads", async || {
        let status = fleet.status(writer).await?;
        (status["leader"] == true).then_some(())
    })
    .await;
}

/// A writer's publication is held back on its way to Redis while the leader sweeps the change, the
/// document is deleted and its tombstone purged. What arrives late in the end is at or below what
/// is published.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn publication_that_arrives_late_brings_nothing_back() {
    let fleet = Fleet::start().await;
    let leader = fleet.writer("leader").await;
    leads(&fleet, &leader).await;
    let redis = SocketAddr::from(([127, 0, 0, 1], fleet.redis.port()));
    let proxy = Proxy::start(redis).await;
    let late = fleet
        .writer_on("late", &format!("redis://{}", proxy.address()))
        .await;
    let reader = fleet.reader("reader-1");
    fleet.ready(&reader).await;
    // A first change makes the late writer's connection and lets it know the build.
    put(&fleet, &late, "first").await;

    proxy.hold();
    put(&fleet, &late, "gone").await;
    eventually("the publication is held back", async || {
        (proxy.held_bytes() > 0).then_some(())
    })
    .await;
    late.signal("STOP");
    is_served(&fleet, &reader, "gone", 200).await;
    let url = format!("http://{}/v1/notes/gone", leader.listen);
    let deleted = fleet.http.delete(url).send().await.expect("an answer");
    assert_eq!(deleted.status(), 204);
    is_served(&fleet, &reader, "gone", 404).await;
    // It may have heard of that from a writer.
    let published = eventually("Redis has heard of it, too", async || {
        let head = fleet.status(&leader).await?["head"].as_u64()?;
        let published = published(&fleet).await;
        (head == 3 && published == head).then_some(published)
    })
    .await;

    purge(&fleet, "notes/gone").await;
    assert!(proxy.held_bytes() > 0, "it still is");
    proxy.release();
    eventually("what was held back has arrived", async || {
        (proxy.held_bytes() == 0).then_some(())
    })
    .await;
    late.signal("CONT");

    put(&fleet, &late, "last").await;
    is_served(&fleet, &reader, "last", 200).await;
    eventually("it has reached Redis", async || {
        (published < self::published(&fleet).await).then_some(())
    })
    .await;
    let truth = Truth::read(&fleet).await;
    truth.check_reader(&fleet, &reader).await;
    let started_after = fleet.reader("reader-2");
    fleet.ready(&started_after).await;
    truth.check_reader(&fleet, &started_after).await;
}

/// Takes a tombstone out of the snapshot, as retention does much later: nothing there tells any
/// more that the document was deleted.
async fn purge(fleet: &Fleet, key: &str) {
    const PURGE: &str = "local purged = 0 \
                         for _, bucket in ipairs(redis.call('KEYS', '{pressrun}:snap:*')) do \
                         purged = purged + redis.call('HDEL', bucket, ARGV[1]) end return purged";
    let purged: u64 = fleet.redis.command(&["EVAL", PURGE, "0", key]).await;
    assert_eq!(purged, 1, "the tombstone was there");
}

async fn put(fleet: &Fleet, writer: &Node, id: &str) {
    let url = format!("http://{}/v1/notes/{id}", writer.listen);
    let request = fleet.http.put(url).json(&json!({ "note": id }));
    let answer = request.send().await.expect("the writer answers");
    assert_eq!(answer.status(), 201);
}

async fn is_served(fleet: &Fleet, reader: &Node, id: &str, status: u16) {
    eventually("the reader serves the latest state", async || {
        let url = format!("http://{}/v1/notes/{id}", reader.listen);
        let answer = fleet.http.get(url).send().await.ok()?;
        (answer.status() == status).then_some(())
    })
    .await;
}

async fn published(fleet: &Fleet) -> u64 {
    let words = ["HGET", "{pressrun}:meta", "published_through"];
    let published: String = fleet.redis.command(&words).await;
    published.parse().expect("a sequence")
}
