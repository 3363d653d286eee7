//! What publishing costs Redis, by the number of subscribers.

use std::{
    net::Shutdown,
    time::{Duration, Instant},
};

use bus::{Publication, RedisBus};
use service::process::BoxError;

use super::{
    distribution::rate,
    stage::{Stage, change},
    wire,
};

const SUBSCRIBERS: [usize; 3] = [1, 3, 20];

/// Documents in the snapshot, and changes published to each number of subscribers.
const CHANGES: u64 = 50_000;

/// Changes handed to the bus at once: what one group commit brings at most.
const BATCH: usize = 512;

pub(super) async fn measure() -> Result<String, BoxError> {
    let stage = Stage::with(CHANGES).await?;
    let channel = format!("{{{}}}:feed", RedisBus::NAMESPACE);
    let mut lines = Vec::new();
    let mut first = CHANGES + 1;
    for subscribers in SUBSCRIBERS {
        let mut connections = Vec::new();
        let mut readers = Vec::new();
        for _ in 0..subscribers {
            let connection = wire::subscribe(stage.server.port(), &channel)?;
            readers.push(wire::discard(connection.try_clone()?));
            connections.push(connection);
        }
        let (took, redis) = publish(&stage, first).await?;
        for connection in connections {
            connection.shutdown(Shutdown::Both)?;
        }
        for reader in readers {
            reader.join().map_err(|_panic| "a subscriber panicked")?;
        }
        first += CHANGES;
        let each = redis.as_nanos() / u128::from(CHANGES);
        let rate = rate(CHANGES, took);
        lines.push(format!("| {subscribers} | {rate} | {each} ns |\n"));
    }
    let table = lines.concat();
    Ok(format!(
        "### Publish

{CHANGES} changes, {BATCH} at a time, to subscribers that throw them away.

| subscribers | published | processor time of Redis for each |
|---|---|---|
{table}"
    ))
}

async fn publish(stage: &Stage, first: u64) -> Result<(Duration, Duration), BoxError> {
    let changes: Vec<Publication> = (first..first + CHANGES)
        .map(|number| change(number, 1 + number * 7919 % CHANGES))
        .collect();
    let before = stage.processor_time().await;
    let begun = Instant::now();
    for batch in changes.chunks(BATCH) {
        stage.publish(batch).await?;
    }
    let took = begun.elapsed();
    let used = stage.processor_time().await.saturating_sub(before);
    Ok((took, used))
}
