//! Redis forgets: all of it, a part of it, or the last seconds. It is never the truth, so nothing
//! is lost, no read fails, and it fills itself again.

use std::{net::SocketAddr, time::Duration};

use testkit::eventually;
use tokio::time::{Instant, sleep};

use fleet::{Fleet, Node};

use crate::{
    load::{Load, report},
    truth::Truth,
};

const WRITES_PER_SECOND: u32 = 200;

const META: &str = "{pressrun}:meta";

/// A writer, three readers, and load on all of them.
struct Scene {
    fleet: Fleet,
    writer: Node,
    readers: Vec<Node>,
    load: Load,
}

impl Scene {
    async fn start() -> Self {
        let fleet = Fleet::start().await;
        let writer = fleet.writer("writer-1").await;
        let mut readers = Vec::new();
        for name in ["reader-1", "reader-2", "reader-3"] {
            let reader = fleet.reader(name);
            fleet.ready(&reader).await;
            readers.push(reader);
        }
        let addresses: Vec<SocketAddr> = readers.iter().map(|node| node.listen).collect();
        let writers = [writer.listen];
        let load = Load::start(&fleet, &writers, WRITES_PER_SECOND, &addresses).await;
        let scene = Self {
            fleet,
            writer,
            readers,
            load,
        };
        scene.published_at_least(300).await;
        scene
    }

    /// Waits until the bus holds so many changes.
    async fn published_at_least(&self, changes: u64) {
        eventually("changes are published", async || {
            (self.published().await? >= changes).then_some(())
        })
        .await;
    }

    /// How far the snapshot in Redis goes; `None` where it is not complete.
    async fn published(&self) -> Option<u64> {
        let fields = ["HMGET", META, "complete", "published_through"];
        let fields: Vec<Option<String>> = self.fleet.redis.command(&fields).await;
        match fields.as_slice() {
            [Some(complete), Some(published)] if complete == "1" => published.parse().ok(),
            _ => None,
        }
    }

    /// Waits until Redis has a complete snapshot that follows the database again, and says how long
    /// that took: within 5 s on a quiet machine.
    async fn refilled(&self) {
        let began = Instant::now();
        let head = self.head().await;
        self.published_at_least(head).await;
        report(&format!(
            "Redis was whole again after {:?}",
            began.elapsed()
        ));
    }

    async fn head(&self) -> u64 {
        let head: i64 = sqlx::query_scalar("SELECT head FROM feed")
            .fetch_one(&self.fleet.database)
            .await
            .expect("the feed row");
        head.try_into().expect("a sequence")
    }

    /// No write was refused and no read failed; every reader, and one started now, equals the
    /// database.
    async fn finish(self) {
        let Self {
            fleet,
            writer: _writer,
            readers,
            load,
        } = self;
        let late = fleet.reader("late");
        fleet.ready(&late).await;
        let tally = load.stop().await;
        tally.check();
        let truth = Truth::read(&fleet).await;
        truth.check_log(&fleet).await;
        truth.check_acknowledged(&tally.acknowledged);
        for reader in readers.iter().chain([&late]) {
            truth.check_reader(&fleet, reader).await;
        }
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn redis_killed_and_restarted_empty() {
    let mut scene = Scene::start().await;
    scene.fleet.redis.kill();
    sleep(Duration::from_secs(2)).await;
    scene.fleet.redis.restart().await;
    scene.refilled().await;
    scene.finish().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn redis_flushed() {
    let scene = Scene::start().await;
    let before: String = scene.fleet.redis.command(&["HGET", META, "build"]).await;
    let () = scene.fleet.redis.command(&["FLUSHALL"]).await;
    scene.refilled().await;
    let after: String = scene.fleet.redis.command(&["HGET", META, "build"]).await;
    assert_ne!(before, after, "the snapshot was lost and built again");
    scene.finish().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn one_bucket_deleted() {
    let scene = Scene::start().await;
    let buckets: Vec<String> = scene
        .fleet
        .redis
        .command(&["KEYS", "{pressrun}:snap:*"])
        .await;
    let deleted: u64 = scene.fleet.redis.command(&["DEL", &buckets[0]]).await;
    assert_eq!(deleted, 1, "a bucket is gone");
    scene.refilled().await;
    scene.finish().await;
}

/// Copies every key of database 0 into database 1.
const COPY_ALL: &str = "for _, key in ipairs(redis.call('KEYS', '*')) do \
                        redis.call('COPY', key, key, 'DB', 1) end";

/// Puts database 1 in the place of database 0, and tells how far the snapshot goes before and after.
const ROLL_BACK: &str = "local before = redis.call('HGET', KEYS[1], 'published_through') \
                         redis.call('SWAPDB', 0, 1) \
                         return {before, redis.call('HGET', KEYS[1], 'published_through')}";

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn snapshot_rolled_back_ten_seconds() {
    let scene = Scene::start().await;
    let () = scene.fleet.redis.command(&["EVAL", COPY_ALL, "0"]).await;
    sleep(Duration::from_secs(10)).await;
    // In one step, or a leader that is quick has swept before anybody looks.
    let roll_back = ["EVAL", ROLL_BACK, "1", META];
    let (before, after): (u64, u64) = scene.fleet.redis.command(&roll_back).await;
    assert!(after < before, "it went back: {after}, after {before}");
    scene.refilled().await;
    scene.finish().await;
}

/// As the runbook says of `PressrunLeaderFails`.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn keys_written_over_by_somebody_else() {
    let scene = Scene::start().await;
    let redis = &scene.fleet.redis;
    let keys: Vec<String> = redis.command(&["KEYS", "{pressrun}:*"]).await;
    for key in &keys {
        let () = redis.command(&["SET", key, "somebody else's"]).await;
    }
    let metrics = format!("http://{}/metrics", scene.writer.admin);
    eventually("the leader's rounds fail", async || {
        let answer = scene.fleet.http.get(&metrics).send().await.ok()?;
        let text = answer.text().await.ok()?;
        let failed = text
            .lines()
            .find_map(|line| line.strip_prefix("pressrun_leader_rounds_failed_total "))?;
        (failed != "0").then_some(())
    })
    .await;

    let () = redis.command(&["DEL", META, "{pressrun}:probes"]).await;

    scene.refilled().await;
    scene.finish().await;
}
