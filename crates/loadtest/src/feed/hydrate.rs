//! From a reader's start to its readiness, against the bare read of the same keys.

use std::path::Path;

use service::process::BoxError;

use super::{
    distribution::{Distribution, ms, ratio},
    process::ReaderProcess,
    stage::Stage,
    wire,
};

/// Readers started, one after another, each after a bare read.
const ROUNDS: usize = 3;

pub(super) async fn measure(binaries: &Path, documents: u64) -> Result<String, BoxError> {
    let stage = Stage::with(documents).await?;
    let buckets = stage.buckets().await;
    let port = stage.server.port();
    let (mut bare, mut ready, mut octets) = (Vec::new(), Vec::new(), 0);
    let (mut redis, mut own) = (Vec::new(), Vec::new());
    for _ in 0..ROUNDS {
        let names = buckets.clone();
        let before = stage.processor_time().await;
        let read = tokio::task::spawn_blocking(move || wire::read_hashes(port, &names));
        let (took, came) = read.await??;
        bare.push(took);
        redis.push(stage.processor_time().await.saturating_sub(before));
        octets = came;
        let reader = ReaderProcess::start(binaries, &stage.server.url())?;
        ready.push(reader.ready().await?);
        own.push(reader.processor_time()?);
    }
    let median = |durations| Distribution::of(durations).percentile(50);
    let (bare, ready) = (median(bare), median(ready));
    let (redis, own) = (ms(median(redis)), ms(median(own)));
    Ok(format!(
        "### Hydration

{documents} documents in {} buckets, {octets} octets of answers; medians of {ROUNDS} rounds. The bare
read is HGETALL of the same keys over one connection, all commands sent ahead, answers thrown away.
Ready is from the start of the process to its `/readyz`.

| | time | against the bare read | processor time |
|---|---|---|---|
| bare pipelined read | {} | 1 | {redis}, Redis |
| reader ready | {} | {} | {own}, the reader |
",
        buckets.len(),
        ms(bare),
        ms(ready),
        ratio(ready, bare),
    ))
}
