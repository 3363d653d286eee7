//! What a catalog costs in memory, and what it comes to after a long time of changes.
//!
//! ```text
//! cargo bench -p reader --bench memory            # every case, a process for each
//! cargo bench -p reader --bench memory -- churn   # one case, in this process
//! ```
//!
//! Envelopes are encoded, decoded and applied as a hydration does, and their frames dropped.
//! Memory is what the kernel says: `VmRSS` and `VmHWM` of `/proc/self/status`; 4 octets a document
//! are the benchmark's own.

#![expect(clippy::print_stdout, reason = "a benchmark prints its table")]

mod feed;
mod look;
mod process;

use std::{env, error::Error, process::Command, time::Duration};

use reader::catalog::{Catalog, CatalogConfig, CatalogWriter, Hydration, catalog};

use self::{feed::Feed, process::Memory};

/// What one case holds in the end.
struct Case {
    name: &'static str,
    documents: u64,
    shape: feed::Shape,
}

/// Sizes around which tables double, and documents of the two kinds.
static SETS: [Case; 5] = [
    Case::plain("plain-1.00M", 1_000_000),
    Case::plain("plain-1.05M", 1_050_000),
    Case::plain("plain-1.20M", 1_200_000),
    Case::plain("plain-1.50M", 1_500_000),
    Case {
        name: "coded-0.10M",
        documents: 100_000,
        shape: feed::Shape::Coded,
    },
];

/// Documents that the churn begins with, and changes that follow. At 50 changes/s, 5 million are
/// more than a day.
const CHURN_DOCUMENTS: u64 = 1_000_000;
const CHURN_CHANGES: u64 = 5_000_000;

/// A tombstone is forgotten once so many changes came after it, as readers do with a log that
/// keeps as many.
const TOMBSTONES_KEPT: u64 = 100_000;

impl Case {
    const fn plain(name: &'static str, documents: u64) -> Self {
        Self {
            name,
            documents,
            shape: feed::Shape::Plain,
        }
    }
}

fn main() -> Result<(), Box<dyn Error>> {
    // Cargo adds --bench.
    let asked = env::args().skip(1).find(|one| !one.starts_with("--"));
    match asked.as_deref() {
        None => each_in_its_process(),
        Some("churn") => churn(),
        Some("look") => look::ups(),
        Some(name) => match SETS.iter().find(|case| case.name == name) {
            Some(case) => hold(case),
            None => Err(format!("there is no case {name}").into()),
        },
    }
}

fn each_in_its_process() -> Result<(), Box<dyn Error>> {
    let names = SETS.iter().map(|case| case.name).chain(["churn", "look"]);
    for name in names {
        let ended = Command::new(env::current_exe()?).arg(name).status()?;
        if !ended.success() {
            return Err(format!("{name}: {ended}").into());
        }
    }
    Ok(())
}

fn hold(case: &Case) -> Result<(), Box<dyn Error>> {
    let before = Memory::read()?;
    let (catalog, mut writer) = catalog(CatalogConfig { bytes_max: None });
    let mut feed = Feed::new(case.shape);
    let mut took = Duration::ZERO;
    while feed.documents() < case.documents {
        let count = case.documents - feed.documents();
        took += feed.create(count).apply(&mut writer, Some(Hydration(0)))?;
    }
    report(case.name, &feed, &catalog, before, took)
}

fn churn() -> Result<(), Box<dyn Error>> {
    let before = Memory::read()?;
    let (catalog, mut writer) = catalog(CatalogConfig { bytes_max: None });
    let mut feed = Feed::new(feed::Shape::Plain);
    let mut took = Duration::ZERO;
    while feed.documents() < CHURN_DOCUMENTS {
        took += feed
            .create_varied()
            .apply(&mut writer, Some(Hydration(0)))?;
    }
    report("churn-start", &feed, &catalog, before, took)?;
    took = Duration::ZERO;
    let begun = feed.changes();
    while feed.changes() < begun + CHURN_CHANGES {
        took += feed.churn().apply(&mut writer, None)?;
        feed.forget(&mut writer, TOMBSTONES_KEPT);
    }
    report("churn-end", &feed, &catalog, before, took)
}

fn report(
    name: &str,
    feed: &Feed,
    catalog: &Catalog,
    before: Memory,
    took: Duration,
) -> Result<(), Box<dyn Error>> {
    let after = Memory::read()?;
    let documents = catalog.documents();
    let octets = feed.octets();
    let over = |bytes: u64| bytes.saturating_sub(octets) / documents.max(1);
    println!(
        "{name:<12} {documents:>9} documents {:>5} MB octets | RSS {:>4} -> {:>5} MB, peak {:>5} MB | \
         over octets, B/document: RSS {:>3}, peak {:>3}, weighed {:>3} | {:>6} applied/s",
        octets / 1_000_000,
        before.resident / 1_000_000,
        after.resident / 1_000_000,
        after.peak / 1_000_000,
        over(after.resident),
        over(after.peak),
        over(catalog.bytes()),
        feed.take_applied() * 1000 / u64::try_from(took.as_millis())?.max(1),
    );
    Ok(())
}

/// Applies what is made; the writer is passed so that making is not timed.
trait Apply {
    fn apply(
        self,
        writer: &mut CatalogWriter,
        seen_by: Option<Hydration>,
    ) -> Result<Duration, Box<dyn Error>>;
}

impl Apply for Vec<bytes::Bytes> {
    fn apply(
        self,
        writer: &mut CatalogWriter,
        seen_by: Option<Hydration>,
    ) -> Result<Duration, Box<dyn Error>> {
        let begun = std::time::Instant::now();
        for frame in self {
            writer.apply(&shared::codec::decode(&frame)?, seen_by);
        }
        Ok(begun.elapsed())
    }
}
