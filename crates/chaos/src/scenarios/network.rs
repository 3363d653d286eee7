//! The way to Redis, and of one reader to everything, is cut, slow, or half open.

use std::time::Duration;

use testkit::{
    cable::{Cable, Weather},
    eventually,
};
use tokio::time::sleep;

use crate::{
    play::{Proof, seen},
    stage::Stage,
};

/// The reader that has ways of its own.
const LONELY: usize = 2;

pub(super) async fn reader_alone(stage: &mut Stage) -> Proof {
    for way in &stage.lonely {
        way.set(Weather::Cut);
    }
    sleep(Duration::from_secs(6)).await;
    let number = async |name: &str| stage.reader_number(LONELY, name).await;
    let (position, staleness) = (number("sequence").await, number("staleness_ms").await);
    let head = stage.head().await.sequence.0;
    let ended: u64 = stage.lonely.iter().map(Cable::ended).sum();
    for way in &stage.lonely {
        way.set(Weather::Clear);
    }
    let position = position.expect("it still tells its position");
    let staleness = staleness.expect("it tells how stale it is");
    assert!(position < head, "it lacks changes: {position} {head}");
    assert!(staleness > 4000, "it says so: {staleness} ms");
    seen(format!(
        "{ended} connections cut; it stood at {position} of {head} and said {staleness} ms"
    ))
}

pub(super) async fn cut(stage: &mut Stage) -> Proof {
    let before = stage.redis.ended();
    stage.redis.set(Weather::Cut);
    follows_writer(stage).await;
    sleep(Duration::from_secs(6)).await;
    stage.redis.set(Weather::Clear);
    let ended = stage.redis.ended() - before;
    assert!(ended > 0, "connections were cut");
    seen(format!(
        "{ended} connections cut or refused; readers asked writers"
    ))
}

pub(super) async fn flapping(stage: &mut Stage) -> Proof {
    let before = stage.redis.ended();
    for _ in 0..20 {
        stage.redis.set(Weather::Cut);
        sleep(Duration::from_millis(50)).await;
        stage.redis.set(Weather::Clear);
        sleep(Duration::from_millis(350)).await;
    }
    let ended = stage.redis.ended() - before;
    assert!(ended >= 20, "{ended} connections cut");
    seen(format!("{ended} connections cut"))
}

pub(super) async fn slow(stage: &mut Stage) -> Proof {
    let before = stage.redis.hindered();
    stage.redis.set(Weather::Slow(Duration::from_millis(300)));
    sleep(Duration::from_secs(8)).await;
    stage.redis.set(Weather::Clear);
    let late = stage.redis.hindered() - before;
    assert!(late >= 10, "{late} chunks came late");
    seen(format!("{late} chunks came 300 ms late"))
}

pub(super) async fn half_open(stage: &mut Stage) -> Proof {
    let before = (stage.redis.hindered(), stage.redis.ended());
    stage.redis.set(Weather::Silent);
    follows_writer(stage).await;
    sleep(Duration::from_secs(8)).await;
    let after = (stage.redis.hindered(), stage.redis.ended());
    stage.redis.set(Weather::Clear);
    assert!(after.0 > before.0, "chunks were held");
    assert_eq!(after.1, before.1, "no connection was ended");
    let held = after.0 - before.0;
    seen(format!(
        "{held} chunks held, no connection ended; readers asked writers"
    ))
}

/// Waits until a reader behind the shared way asks writers.
async fn follows_writer(stage: &Stage) {
    eventually("readers ask writers", async || {
        let status = stage.fleet.status(&stage.readers[0]).await?;
        (status["source"] == "writer").then_some(())
    })
    .await;
}
