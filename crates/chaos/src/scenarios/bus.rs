//! Redis forgets, freezes, fills up and cuts connections.

use std::{net::SocketAddr, time::Duration};

use testkit::{eventually, redis::RedisServer};
use tokio::time::sleep;

use crate::{
    play::{Proof, seen},
    stage::Stage,
};

pub(super) async fn killed(stage: &mut Stage) -> Proof {
    restart_after(stage, Duration::ZERO).await
}

pub(super) async fn away(stage: &mut Stage) -> Proof {
    restart_after(stage, Duration::from_secs(15)).await
}

async fn restart_after(stage: &mut Stage, pause: Duration) -> Proof {
    let before = stage.build().await.expect("there is a snapshot");
    let acknowledged = stage.acknowledged();
    stage.fleet.redis.kill();
    eventually("readers ask writers", async || {
        let status = stage.fleet.status(&stage.readers[0]).await?;
        (status["source"] == "writer").then_some(())
    })
    .await;
    sleep(pause).await;
    let meanwhile = stage.acknowledged() - acknowledged;
    assert!(meanwhile > 0, "writes are acknowledged while Redis is away");
    stage.fleet.redis.restart().await;
    let empty: Option<String> = stage.build().await;
    assert_ne!(empty.as_ref(), Some(&before), "Redis came back empty");
    seen(format!(
        "{meanwhile} writes meanwhile; {}",
        rebuilt(stage, &before).await
    ))
}

pub(super) async fn flushed(stage: &mut Stage) -> Proof {
    let before = stage.build().await.expect("there is a snapshot");
    let () = stage.fleet.redis.command(&["FLUSHALL"]).await;
    seen(rebuilt(stage, &before).await)
}

/// Waits until another snapshot is complete.
async fn rebuilt(stage: &Stage, before: &str) -> String {
    let build = eventually("the snapshot is rebuilt", async || {
        let build = stage.build().await.filter(|build| build != before)?;
        stage.published_through().await.map(|_| build)
    })
    .await;
    format!("build {before} gone, {build} in its place")
}

pub(super) async fn bucket_lost(stage: &mut Stage) -> Proof {
    let words = ["KEYS", "{pressrun}:snap:*"];
    let buckets: Vec<String> = stage.fleet.redis.command(&words).await;
    let held: u64 = stage.fleet.redis.command(&["HLEN", &buckets[0]]).await;
    let deleted: u64 = stage.fleet.redis.command(&["DEL", &buckets[0]]).await;
    assert_eq!(deleted, 1, "a bucket is gone");
    let before = stage.build().await.expect("meta is still there");
    let rebuilt = rebuilt(stage, &before).await;
    seen(format!("{held} documents deleted; {rebuilt}"))
}

/// Copies every key of database 0 into database 1.
const COPY_ALL: &str = "for _, key in ipairs(redis.call('KEYS', '*')) do \
                        redis.call('COPY', key, key, 'DB', 1) end";

pub(super) async fn rolled_back(stage: &mut Stage) -> Proof {
    let () = stage.fleet.redis.command(&["EVAL", COPY_ALL, "0"]).await;
    sleep(Duration::from_secs(4)).await;
    let before = stage.published().await;
    let () = stage.fleet.redis.command(&["SWAPDB", "0", "1"]).await;
    let after = stage.published_through().await;
    let after = after.expect("the older snapshot is complete");
    assert!(after < before, "it is older: {after} {before}");
    seen(format!("published_through fell from {before} to {after}"))
}

pub(super) async fn replica_promoted(stage: &mut Stage) -> Proof {
    let primary = stage.fleet.redis.port().to_string();
    let replica = RedisServer::start_with(&["--replicaof", "127.0.0.1", &primary]).await;
    let words = ["HGET", "{pressrun}:meta", "published_through"];
    eventually("the replica has the snapshot", async || {
        let through: Option<u64> = replica.try_command(&words).await.ok()?;
        through.filter(|through| *through >= u64::from(crate::stage::STEADY))
    })
    .await;
    // It falls behind, as an asynchronous replica may.
    let () = replica.command(&["REPLICAOF", "127.0.0.1", "1"]).await;
    stage.acknowledged_more(200).await;
    let lost = stage.published().await;
    let () = replica.command(&["REPLICAOF", "NO", "ONE"]).await;
    let held: u64 = replica.command(&words).await;
    assert!(held < lost, "the replica lacks writes: {held} {lost}");
    // The primary dies, and everybody is led to the replica, as by its service name.
    stage.fleet.redis.kill();
    let address = SocketAddr::from(([127, 0, 0, 1], replica.port()));
    stage.redis.lead_to(address);
    stage.lonely[0].lead_to(address);
    stage.fleet.redis = replica;
    seen(format!("the replica held {held} of {lost} changes"))
}

pub(super) async fn paused(stage: &mut Stage) -> Proof {
    let pause = Duration::from_secs(6);
    stage.fleet.redis.signal("STOP").expect("Redis runs");
    eventually("readers ask writers", async || {
        let status = stage.fleet.status(&stage.readers[0]).await?;
        (status["source"] == "writer").then_some(())
    })
    .await;
    let acknowledged = stage.acknowledged();
    sleep(pause).await;
    let meanwhile = stage.acknowledged() - acknowledged;
    stage.fleet.redis.signal("CONT").expect("Redis runs");
    assert!(meanwhile > 0, "writes are acknowledged meanwhile");
    seen(format!(
        "readers asked writers; {meanwhile} writes meanwhile"
    ))
}

pub(super) async fn full(stage: &mut Stage) -> Proof {
    let set = ["CONFIG", "SET", "maxmemory"];
    let () = stage
        .fleet
        .redis
        .command(&[&set[..], &["1mb"]].concat())
        .await;
    let before = stage.published_through().await;
    sleep(Duration::from_secs(6)).await;
    let after = stage.published_through().await;
    let refused = refused_for_memory(stage).await;
    let () = stage
        .fleet
        .redis
        .command(&[&set[..], &["0"]].concat())
        .await;
    assert!(refused > 0, "Redis refused commands");
    seen(format!(
        "{refused} commands refused for want of memory; published_through {before:?} to {after:?}"
    ))
}

/// How many commands Redis has refused because it was out of memory.
async fn refused_for_memory(stage: &Stage) -> u64 {
    let info: String = stage.fleet.redis.command(&["INFO", "errorstats"]).await;
    let counts = info.lines().filter_map(|line| {
        let line = line.strip_prefix("errorstat_OOM:count=")?;
        line.trim().parse::<u64>().ok()
    });
    counts.sum()
}

pub(super) async fn subscribers_killed(stage: &mut Stage) -> Proof {
    kill_clients(stage, &["pubsub"]).await
}

pub(super) async fn clients_killed(stage: &mut Stage) -> Proof {
    kill_clients(stage, &["pubsub", "normal"]).await
}

async fn kill_clients(stage: &mut Stage, types: &[&str]) -> Proof {
    let gaps = gaps(stage).await;
    let mut killed = 0_u64;
    for _ in 0..10 {
        for kind in types {
            let words = ["CLIENT", "KILL", "TYPE", kind, "SKIPME", "yes"];
            killed += stage.fleet.redis.command::<u64>(&words).await;
        }
        sleep(Duration::from_millis(700)).await;
    }
    assert!(killed >= 30, "{killed} connections killed");
    let after = self::gaps(stage).await;
    assert!(after > gaps, "readers noticed: {gaps} {after} gaps");
    seen(format!(
        "{killed} connections killed; readers' gaps {gaps} to {after}"
    ))
}

/// Gaps that all readers have met.
async fn gaps(stage: &Stage) -> u64 {
    let mut gaps = 0;
    for index in 0..stage.readers.len() {
        gaps += stage.reader_number(index, "gaps").await.unwrap_or_default();
    }
    gaps
}

pub(super) async fn subscriber_cut_off(stage: &mut Stage) -> Proof {
    let limit = "pubsub 262144 131072 2";
    let words = ["CONFIG", "SET", "client-output-buffer-limit", limit];
    let () = stage.fleet.redis.command(&words).await;
    let before = subscribers(stage).await;
    stage.set_out(1, true);
    stage.readers[1].signal("STOP");
    // What the sockets take is not Redis' to hold: a burst goes beyond it.
    eventually("Redis cuts the frozen reader off", async || {
        burst(stage).await;
        (subscribers(stage).await < before).then_some(())
    })
    .await;
    let after = subscribers(stage).await;
    stage.readers[1].signal("CONT");
    eventually("the reader answers again", async || {
        stage.reader_number(1, "sequence").await
    })
    .await;
    stage.set_out(1, false);
    seen(format!(
        "subscribers of Redis fell from {before} to {after}"
    ))
}

/// Many changes of documents that nobody compares.
async fn burst(stage: &Stage) {
    let text = "burst ".repeat(2000);
    let lines = (0..400).map(|number| {
        let nonce = fastrand::u64(..);
        format!("{{\"id\":\"{number}\",\"body\":{{\"n\":{nonce},\"text\":\"{text}\"}}}}\n")
    });
    let lines: Vec<String> = lines.collect();
    let url = format!("http://{}/v1/burst/import", stage.writers[0].listen);
    let request = stage.fleet.http.post(url).body(lines.concat());
    let request = request.header("content-type", "application/x-ndjson");
    let answer = request.send().await.expect("the writer answers");
    assert!(answer.status().is_success(), "{}", answer.status());
}

/// How many subscribers Redis has.
async fn subscribers(stage: &Stage) -> usize {
    let words = ["CLIENT", "LIST", "TYPE", "pubsub"];
    let clients: String = stage.fleet.redis.command(&words).await;
    clients
        .lines()
        .filter(|line| !line.trim().is_empty())
        .count()
}
