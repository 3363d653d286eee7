//! The suite `bounded`: a reader whose budget is an eighth of the set answers for every document
//! while documents change, and keeps within its budget.

use std::{
    fs,
    sync::{
        Arc,
        atomic::{AtomicU64, Ordering},
    },
    time::{Duration, Instant},
};

use reader::entry::Entry;
use service::process::BoxError;
use shared::codec::decode;
use testkit::{builders::envelope, redis::RedisServer};
use tokio::task::JoinSet;

mod client;

use crate::{
    decimal::grouped,
    memory::parse_resident,
    reads::targets::zipf,
    say,
    section::Section,
    stand::{Launcher, Node, posts, source::Source},
    suite::Bench,
};

const BUDGET_BYTES: u64 = 128 * 1024 * 1024;

/// These cost about 1 GiB in memory.
const DOCUMENTS: u64 = 1_900_000;

/// Changes a second, each of another document.
const CHANGES: u64 = 1000;

/// Reads of which the n-th most popular document gets `n^0.99` times less than the first.
const POPULAR_READS: usize = 1_000_000;

const CONNECTIONS: usize = 16;

/// How often the reader's memory is looked at.
const LOOK: Duration = Duration::from_millis(500);

/// What every client knows.
#[derive(Debug)]
pub(crate) struct Shown {
    /// The latest change of each document that an answer has shown.
    changes: Vec<AtomicU64>,
    /// Answers other than the right document.
    wrong: AtomicU64,
    /// Answers of 503.
    refused: AtomicU64,
}

/// Fills a Redis, starts a reader with the budget, and asks for every document, then for popular
/// ones.
///
/// # Errors
/// A server does not start, or an answer is wrong.
pub(crate) async fn measure(bench: &Bench<'_>) -> Result<Section, BoxError> {
    let launcher = Launcher::new(bench.binaries())?;
    let redis = RedisServer::start().await;
    let mut source = Source::start(&redis.url(), DOCUMENTS, Some(CHANGES)).await?;
    let budget = format!("--catalog-bytes-max={BUDGET_BYTES}B");
    let options = [budget.as_str(), "--catalog-fetches-max=1000000"];
    let reader = launcher.reader(&[], &redis.url(), &options).await?;
    let shown = Arc::new(Shown {
        changes: (0..DOCUMENTS).map(|_| AtomicU64::new(0)).collect(),
        wrong: AtomicU64::new(0),
        refused: AtomicU64::new(0),
    });
    let every = (0..DOCUMENTS).map(|rank| posts::scattered(rank, DOCUMENTS));
    let uniform = pass(&launcher, &reader, &shown, every.collect()).await?;
    let mut random = fastrand::Rng::with_seed(4);
    let popular = zipf(DOCUMENTS, POPULAR_READS, &mut random);
    let popular = popular.map(|rank| posts::scattered(rank, DOCUMENTS));
    let popular = pass(&launcher, &reader, &shown, popular.collect()).await?;
    source.check()?;
    let wrong = shown.wrong.load(Ordering::Relaxed);
    if wrong > 0 {
        return Err(format!("{wrong} answers were wrong").into());
    }
    let section = section(&uniform, &popular, shown.refused.load(Ordering::Relaxed))?;
    say(&section.text);
    Ok(section)
}

/// What many reads came to.
#[derive(Debug)]
struct Pass {
    reads: u64,
    took: Duration,
    fetched: u64,
    /// The most that the reader had, in octets.
    resident: u64,
    /// What its entries cost afterwards, in octets.
    held: u64,
}

async fn pass(
    launcher: &Launcher,
    reader: &Node,
    shown: &Arc<Shown>,
    numbers: Vec<u64>,
) -> Result<Pass, BoxError> {
    let before = metric(launcher, reader, "catalog_fetches_total{outcome=\"kept\"}").await?;
    let begun = Instant::now();
    let reads = numbers.len() as u64;
    let mut clients = JoinSet::new();
    for part in numbers.chunks(numbers.len().div_ceil(CONNECTIONS)) {
        clients.spawn(client::read(
            reader.address,
            part.to_vec(),
            Arc::clone(shown),
        ));
    }
    let mut resident = 0;
    let mut looks = tokio::time::interval(LOOK);
    loop {
        tokio::select! {
            ended = clients.join_next() => match ended {
                Some(ended) => ended??,
                None => break,
            },
            _ = looks.tick() => {
                let status = fs::read_to_string(format!("/proc/{}/status", reader.pid()?))?;
                resident = resident.max(parse_resident(&status).ok_or("no VmRSS")?);
            }
        }
    }
    let took = begun.elapsed();
    let after = metric(launcher, reader, "catalog_fetches_total{outcome=\"kept\"}").await?;
    Ok(Pass {
        reads,
        took,
        fetched: after - before,
        resident,
        held: metric(launcher, reader, "catalog_size_bytes").await?,
    })
}

/// A metric of the reader, in whole units.
async fn metric(launcher: &Launcher, reader: &Node, name: &str) -> Result<u64, BoxError> {
    let text = launcher.http.get(reader.admin_url("/metrics")?).send();
    let text = text.await?.text().await?;
    let prefix = format!("pressrun_{name} ");
    let value = text.lines().find_map(|line| line.strip_prefix(&prefix));
    let value = value.ok_or_else(|| format!("no metric {name}"))?;
    Ok(value.split('.').next().unwrap_or(value).parse()?)
}

/// What all documents would cost in memory, in octets.
fn whole() -> Result<u64, BoxError> {
    let post = posts::stored(0, 0);
    let frame = envelope()
        .key(&posts::id(0))
        .sequence(1)
        .put(&post)
        .encode();
    let entry = Entry::of(&decode(&frame)?, &mut Vec::new());
    Ok(entry.bytes() as u64 * DOCUMENTS)
}

fn section(uniform: &Pass, popular: &Pass, refused: u64) -> Result<Section, BoxError> {
    let line = |name: &str, pass: &Pass| {
        let seconds = pass.took.as_millis().max(1);
        let rate = u128::from(pass.reads) * 1000 / seconds;
        format!(
            "| {name} | {} | {rate} | {} % | {} | {} |",
            grouped(pass.reads),
            100 * pass.reads.saturating_sub(pass.fetched) / pass.reads.max(1),
            grouped(pass.held),
            grouped(pass.resident),
        )
    };
    let text = [
        format!(
            "A reader with `CATALOG_BYTES_MAX={BUDGET_BYTES}B` follows {} posts that would cost {} \
             octets in memory, while {CHANGES} of them change each second. {CONNECTIONS} connections \
             ask for every post once, then for popular ones (Zipf, 0.99). Each answer must be 200 \
             with that very post, in no older state than any answer before it had; {refused} were \
             503. Allowed are 1.3 times the budget and 32 MiB: {} octets resident.",
            grouped(DOCUMENTS),
            grouped(whole()?),
            grouped(BUDGET_BYTES / 10 * 13 + 32 * 1024 * 1024),
        ),
        [
            "| | reads | reads/s | from memory | octets held | resident, at most |".to_owned(),
            "| --- | ---: | ---: | ---: | ---: | ---: |".to_owned(),
            line("every post once", uniform),
            line("popular posts", popular),
        ]
        .join("\n"),
    ];
    Ok(Section {
        title: "A reader over its budget".to_owned(),
        text: text.join("\n\n"),
        chart: None,
    })
}
