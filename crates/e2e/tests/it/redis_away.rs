//! Redis stays away for a minute: readers follow the writer itself.

use std::{net::SocketAddr, time::Duration};

use tokio::time::{Instant, MissedTickBehavior, interval};

use fleet::{Fleet, Node};
use testkit::eventually;

use crate::{
    load::{Load, report},
    truth::Truth,
};

const AWAY: Duration = Duration::from_mins(1);

/// Far above what is seen on a quiet machine (below 1 s), far below how long Redis is away.
const STALENESS_MAX_MS: u64 = 10_000;

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn readers_stay_fresh_while_redis_is_away_for_a_minute() {
    let mut fleet = Fleet::start().await;
    let writer = fleet.writer("writer-1").await;
    let readers = [
        fleet.reader("reader-1"),
        fleet.reader("reader-2"),
        fleet.reader("reader-3"),
    ];
    for reader in &readers {
        fleet.ready(reader).await;
    }
    let addresses: [SocketAddr; 3] = readers.each_ref().map(|reader| reader.listen);
    let load = Load::start(&fleet, &[writer.listen], 200, &addresses).await;

    fleet.redis.kill();
    for reader in &readers {
        eventually("the reader has noticed", async || {
            let status = fleet.status(reader).await?;
            (status["source"] == "writer").then_some(())
        })
        .await;
    }
    let staleness = stalest(&fleet, &readers).await;
    fleet.redis.restart().await;

    let tally = load.stop().await;
    tally.check();
    report(&format!("the stalest answer was {staleness} ms old"));
    assert!(
        staleness < STALENESS_MAX_MS,
        "the stalest answer was {staleness} ms old"
    );
    let truth = Truth::read(&fleet).await;
    truth.check_acknowledged(&tally.acknowledged);
    for reader in &readers {
        truth.check_reader(&fleet, reader).await;
    }
}

/// The highest staleness that any reader reports while Redis is away, in milliseconds.
async fn stalest(fleet: &Fleet, readers: &[Node]) -> u64 {
    let began = Instant::now();
    let mut highest = 0;
    let mut ticks = interval(Duration::from_millis(100));
    ticks.set_missed_tick_behavior(MissedTickBehavior::Delay);
    while began.elapsed() < AWAY {
        ticks.tick().await;
        for reader in readers {
            let status = fleet.status(reader).await.expect("a status");
            assert_eq!(status["source"], "writer", "Redis is away");
            let staleness = status["staleness_ms"]
                .as_u64()
                .expect("it was fresh before");
            highest = highest.max(staleness);
        }
    }
    highest
}
