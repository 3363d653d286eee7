//! The suite `latency`: what clients wait at a given rate, while changes arrive.
//!
//! An open loop: oha asks at a fixed rate, whether earlier requests were answered or not, and counts
//! the wait from when a request was due. The reader and the floor are asked at the same rate, half
//! of what the reader managed at its peak in the same run.

pub(crate) mod oha;
pub(crate) mod table;

use std::time::Instant;

use service::process::BoxError;
use testkit::redis::RedisServer;

use crate::{
    decimal::grouped,
    reads::{
        baselines,
        sample::Sample,
        wrk::{self, Load},
    },
    say,
    section::Section,
    stand::{Launcher, Node, posts, source::Source},
    suite::Bench,
};
use oha::Waits;

/// Envelopes that arrive each second.
const CHANGES_PER_SECOND: u64 = 1000;

/// How many posts the reader holds.
const DOCUMENTS: u64 = 100_000;

/// How long the peak is looked for, in seconds.
const PEAK_SECS: u64 = 3;

/// The waits of one server, one for each round.
#[derive(Debug)]
pub(crate) struct Measured {
    pub(crate) name: &'static str,
    pub(crate) rounds: Vec<Waits>,
}

/// Measures the reader and the floor in interleaved rounds.
///
/// # Errors
/// A program is missing, a server does not start, or requests fail.
pub(crate) async fn measure(bench: &Bench<'_>) -> Result<Section, BoxError> {
    let launcher = Launcher::new(bench.binaries())?;
    let pin = bench.cores.on_server();
    let redis = RedisServer::start().await;
    let mut source = Source::start(&redis.url(), DOCUMENTS, Some(CHANGES_PER_SECOND)).await?;
    let reader = launcher.reader(&pin, &redis.url(), &[]).await?;
    let target = format!("/post?id={}", posts::id(1));
    let sample = Sample::take(&launcher.http, &reader, &target).await?;
    let floor = baselines::floor(&launcher, &pin, &sample)?;
    launcher.answers(&floor.url(&target)).await;
    let peak = peak(bench, &reader, &target).await?;
    let rate = peak / 2;
    say(&format!("peak {peak}/s; asking at {rate}/s"));
    let servers = [("epoll floor", &floor), ("`/post`", &reader)];
    let mut all = servers.map(|(name, _)| Measured {
        name,
        rounds: Vec::new(),
    });
    let (began, before) = (Instant::now(), sequence(&launcher, &reader).await?);
    for round in 1..=bench.config.rounds {
        say(&format!("round {round} of {}", bench.config.rounds));
        for ((_, node), measured) in servers.iter().zip(&mut all) {
            let url = node.url(&target);
            let waits = oha::run(bench, rate, url).await?;
            measured.rounds.push(waits);
        }
        source.check()?;
    }
    let arrived = sequence(&launcher, &reader).await? - before;
    let arrived = arrived * 1000 / u64::try_from(began.elapsed().as_millis())?.max(1);
    let medians = table::medians(&all);
    say(&medians);
    let text = [
        format!(
            "An open loop at {} requests/s, half of the {} that the reader answered in a closed loop \
             just before; waits are counted from when a request was due. Meanwhile {} envelopes/s \
             arrived at the reader ({} were published), which holds {} posts. The goal is a p99 below twice the floor's. \
             Where fewer requests were answered than asked for, or the floor's own p99 is high, the \
             client or the machine was what made them wait.",
            grouped(rate),
            grouped(peak),
            grouped(arrived),
            grouped(CHANGES_PER_SECOND),
            grouped(DOCUMENTS),
        ),
        medians,
        "### Rounds of latency".to_owned(),
        table::rounds(&all),
    ];
    Ok(Section {
        title: "Latency".to_owned(),
        text: text.join("\n\n"),
        chart: Some(table::chart(&all)),
    })
}

/// How far the reader has come.
async fn sequence(launcher: &Launcher, reader: &Node) -> Result<u64, BoxError> {
    let url = reader.admin_url("/status")?;
    let status = launcher.http.get(url).send().await?.bytes().await?;
    let status: serde_json::Value = serde_json::from_slice(&status)?;
    let sequence = status["sequence"].as_u64();
    sequence.ok_or_else(|| format!("the reader's status: {status}").into())
}

/// Requests a second in a closed loop.
async fn peak(bench: &Bench<'_>, reader: &Node, target: &str) -> Result<u64, BoxError> {
    let seen = wrk::run(Load {
        pin: bench.cores.on_client(),
        scripts: bench.config.scripts.clone(),
        targets: None,
        pipelined: 1,
        connections: bench.config.connections,
        duration_secs: PEAK_SECS,
        fields: Vec::new(),
        url: reader.url(target),
    })
    .await?;
    if seen.errors > 0 || seen.requests < 2 {
        return Err(format!("the peak: {seen:?}").into());
    }
    Ok(seen.requests * 1_000_000 / seen.duration_micros.max(1))
}
