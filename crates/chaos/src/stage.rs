//! What every scenario is played on: PostgreSQL, Redis, two writers, three readers, and load.

use std::{
    net::SocketAddr,
    sync::{
        Arc,
        atomic::{AtomicBool, Ordering},
    },
    time::Duration,
};

use fleet::{Fleet, Node, loopback};
use serde_json::Value;
use shared::{Epoch, Position, Sequence};
use testkit::{Postgres, cable::Cable, eventually};
use tokio::{
    task::spawn_blocking,
    time::{Instant, sleep},
};

use crate::{
    load::{Load, Target, steady_body},
    redis::{Deployment, Others},
};

/// Documents that stay.
pub(crate) const STEADY: u32 = 20_000;

/// How long the load runs before the fault, so that there is something to lose.
const CALM: Duration = Duration::from_secs(3);

/// Above this a reader does not count as following.
const FRESH_MS: u64 = 1000;

/// How often a reader that is to converge is asked.
const PAUSE: Duration = Duration::from_millis(20);

/// The whole of it. Everything in it ends with it.
#[derive(Debug)]
pub(crate) struct Stage {
    pub(crate) writers: Vec<Node>,
    pub(crate) readers: Vec<Node>,
    pub(crate) targets: Vec<Target>,
    pub(crate) load: Option<Load>,
    pub(crate) fleet: Fleet,
    pub(crate) postgres: Postgres,
    /// Everybody's way to Redis but the last reader's.
    pub(crate) redis: Cable,
    /// What stands beside the Redis of the fleet, which is the master.
    pub(crate) others: Others,
    /// The last reader's ways: to Redis, and to each writer.
    pub(crate) lonely: Vec<Cable>,
    /// Each process that starts has a name of its own.
    started: u32,
}

impl Stage {
    /// Starts everything, and load on it.
    pub(crate) async fn start(deployment: Deployment) -> Self {
        let postgres = Postgres::dedicated().await;
        let mut fleet = Fleet::over(postgres.create_database().await).await;
        let others = match Others::start(deployment).await {
            Some((master, others)) => {
                fleet.redis = master;
                others
            }
            None => Others::default(),
        };
        let redis = SocketAddr::from(([127, 0, 0, 1], fleet.redis.port()));
        let mut stage = Self {
            writers: Vec::new(),
            readers: Vec::new(),
            targets: Vec::new(),
            load: None,
            redis: Cable::start(redis).await,
            others,
            lonely: vec![Cable::start(redis).await],
            fleet,
            postgres,
            started: 0,
        };
        for name in ["writer-1", "writer-2"] {
            let writer = stage.fleet.writer_on(name, &stage.redis_url()).await;
            stage.lonely.push(Cable::start(writer.admin).await);
            stage.writers.push(writer);
        }
        stage.fill().await;
        for index in 0..3 {
            let reader = stage.start_reader(index, loopback(), loopback());
            stage.fleet.ready(&reader).await;
            stage.targets.push(Target {
                listen: reader.listen,
                admin: reader.admin,
                is_out: Arc::new(AtomicBool::new(false)),
            });
            stage.readers.push(reader);
        }
        let writers: Vec<SocketAddr> = stage.writers.iter().map(|it| it.listen).collect();
        let database = stage.fleet.database.clone();
        stage.load = Some(Load::start(database, &writers, &stage.targets, STEADY));
        sleep(CALM).await;
        stage
    }

    /// Stores the documents that stay.
    async fn fill(&self) {
        let lines = (0..STEADY).map(|number| {
            let body = steady_body(number);
            format!("{{\"id\":\"{number}\",\"body\":{body}}}\n")
        });
        let url = format!("http://{}/v1/steady/import", self.writers[0].listen);
        let request = self.fleet.http.post(url).body(lines.collect::<String>());
        let request = request.header("content-type", "application/x-ndjson");
        let answer = request.send().await.expect("the writer answers");
        let told: Value = answer.json().await.expect("the import is reported");
        assert_eq!(
            told["failed"], 0,
            "the documents that stay are stored: {told}"
        );
        // A snapshot begun empty has one bucket; one of this many documents has many.
        let () = self.fleet.redis.command(&["FLUSHALL"]).await;
        self.published().await;
    }

    /// Waits until Redis holds everything that the database does, and gives how far that is.
    pub(crate) async fn published(&self) -> u64 {
        let head = self.head().await;
        eventually("Redis holds everything", async || {
            (self.published_through().await? >= head.sequence.0).then_some(head.sequence.0)
        })
        .await
    }

    /// How far the snapshot in Redis goes; `None` where it is not complete.
    pub(crate) async fn published_through(&self) -> Option<u64> {
        let words = ["HMGET", "{pressrun}:meta", "complete", "published_through"];
        let fields: Vec<Option<String>> = self.fleet.redis.command(&words).await;
        match fields.as_slice() {
            [Some(complete), Some(through)] if complete == "1" => through.parse().ok(),
            _ => None,
        }
    }

    /// The build of the snapshot in Redis.
    pub(crate) async fn build(&self) -> Option<String> {
        let words = ["HGET", "{pressrun}:meta", "build"];
        self.fleet.redis.command(&words).await
    }

    /// By its cable; or by those who know the master, whose addresses no cable could stand for.
    pub(crate) fn redis_url(&self) -> String {
        self.redis_url_by(&self.redis)
    }

    fn redis_url_by(&self, cable: &Cable) -> String {
        let url = self.others.url.clone();
        url.unwrap_or_else(|| format!("redis://{}", cable.address()))
    }

    /// The last reader has cables of its own; the others reach writers directly.
    pub(crate) fn start_reader(
        &mut self,
        index: usize,
        listen: SocketAddr,
        admin: SocketAddr,
    ) -> Node {
        self.started += 1;
        let name = format!("reader-{}-{}", index + 1, self.started);
        let is_lonely = index == 2;
        let redis = if is_lonely {
            self.redis_url_by(&self.lonely[0])
        } else {
            self.redis_url()
        };
        let writers: Vec<String> = if is_lonely {
            let ways = self.lonely[1..].iter();
            ways.map(|way| format!("http://{}", way.address()))
                .collect()
        } else {
            let writers = self.writers.iter();
            writers
                .map(|writer| format!("http://{}", writer.admin))
                .collect()
        };
        self.fleet
            .reader_over(&name, &redis, &writers, listen, admin)
    }

    /// Waits for a reader that was killed, and starts it again.
    pub(crate) async fn restart_reader(&mut self, index: usize) {
        let killed = self.readers.remove(index);
        let (listen, admin) = (killed.listen, killed.admin);
        end(killed).await;
        let reader = self.start_reader(index, listen, admin);
        self.readers.insert(index, reader);
    }

    /// Waits for a writer that was killed, and starts it again.
    pub(crate) async fn restart_writer(&mut self, index: usize) {
        self.started += 1;
        let killed = self.writers.remove(index);
        let (listen, admin) = (killed.listen, killed.admin);
        end(killed).await;
        let name = format!("writer-{}-{}", index + 1, self.started);
        let url = self.redis_url();
        let writer = self.fleet.writer_at(&name, &url, listen, admin);
        self.writers.insert(index, writer);
    }

    /// From now on nothing counts that fails at this reader, or everything does again.
    pub(crate) fn set_out(&self, index: usize, is_out: bool) {
        self.targets[index].is_out.store(is_out, Ordering::SeqCst);
    }

    /// How many writes were acknowledged so far.
    pub(crate) fn acknowledged(&self) -> u64 {
        self.load.as_ref().map_or(0, Load::acknowledged)
    }

    /// Waits for so many more acknowledged writes.
    pub(crate) async fn acknowledged_more(&self, count: u64) {
        let goal = self.acknowledged() + count;
        eventually("writes are acknowledged", async || {
            (self.acknowledged() >= goal).then_some(())
        })
        .await;
    }

    /// The database's head.
    pub(crate) async fn head(&self) -> Position {
        eventually("the database answers", async || {
            let head = sqlx::query_as::<_, (i64, i64)>("SELECT epoch, head FROM feed")
                .fetch_one(&self.fleet.database)
                .await;
            let (epoch, head) = head.ok()?;
            Some(Position::new(
                Epoch(epoch.try_into().ok()?),
                Sequence(head.try_into().ok()?),
            ))
        })
        .await
    }

    /// A number of a reader's status.
    pub(crate) async fn reader_number(&self, index: usize, name: &str) -> Option<u64> {
        self.fleet.status(&self.readers[index]).await?[name].as_u64()
    }

    /// The writer that leads, once one does.
    pub(crate) async fn leader(&self) -> usize {
        eventually("a writer leads", async || {
            for (index, writer) in self.writers.iter().enumerate() {
                let status = self.fleet.status(writer).await;
                if status.is_some_and(|status| status["leader"] == true) {
                    return Some(index);
                }
            }
            None
        })
        .await
    }

    /// Waits until every reader follows the bus at or above the head of this moment, and says how
    /// long that took.
    pub(crate) async fn converge(&self) -> Duration {
        let began = Instant::now();
        let head = self.head().await;
        for reader in &self.readers {
            eventually("every reader has converged", async || {
                let status = self.fleet.status(reader).await?;
                let position = Position::new(
                    Epoch(status["epoch"].as_u64()?),
                    Sequence(status["sequence"].as_u64()?),
                );
                let is_fresh = status["staleness_ms"].as_u64()? < FRESH_MS;
                let is_following = status["ready"] == true && status["source"] == "redis";
                (head <= position && is_fresh && is_following).then_some(())
            })
            .await;
            sleep(PAUSE).await;
        }
        began.elapsed()
    }
}

/// Waits for a process that was killed: until then it may hold its ports.
async fn end(killed: Node) {
    let status = spawn_blocking(|| killed.process.status());
    let status = status.await.expect("no panic").expect("it is waited for");
    assert_eq!(status, Some(128 + 9), "SIGKILL has ended it");
}
