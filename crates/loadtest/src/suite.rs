//! The suites: what can be measured, each by itself.
//!
//! A suite is a module with one function that starts what it needs, measures, ends everything and
//! gives a [`Section`]. To add one: its line in [`Suite::ALL`], its name, its arm in
//! [`Suite::measure`].

use std::path::Path;

use service::process::BoxError;

use crate::{
    bounded, config::Config, feed, latency, memory, processor::Cores, reads, section::Section,
    writes,
};

/// What every suite is given.
#[derive(Debug)]
pub(crate) struct Bench<'a> {
    pub(crate) config: &'a Config,
    /// What is measured runs on the first core, alone; everything else on the others. This process
    /// has left the first one, and what it starts inherits that unless it is pinned otherwise.
    pub(crate) cores: &'a Cores,
}

impl Bench<'_> {
    /// Where writer and reader are, as built for measuring.
    pub(crate) fn binaries(&self) -> &Path {
        &self.config.binaries
    }
}

/// One thing to measure.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Suite {
    /// What a read costs: a closed loop.
    Reads,
    /// What clients wait: an open loop.
    Latency,
    /// What a document costs in memory.
    Memory,
    /// What a reader over its budget does.
    Bounded,
    /// How quickly documents get into readers.
    Feed,
    /// How many writes are acknowledged, against what PostgreSQL alone does.
    Writes,
}

impl Suite {
    /// All of them, in the order of the report.
    pub(crate) const ALL: &[Self] = &[
        Self::Reads,
        Self::Latency,
        Self::Memory,
        Self::Bounded,
        Self::Feed,
        Self::Writes,
    ];

    pub(crate) const fn name(self) -> &'static str {
        match self {
            Self::Reads => "reads",
            Self::Latency => "latency",
            Self::Memory => "memory",
            Self::Bounded => "bounded",
            Self::Feed => "feed",
            Self::Writes => "writes",
        }
    }

    /// Names with commas between them, each once; the order is the report's.
    ///
    /// # Errors
    /// One of them names no suite, or there is none.
    pub(crate) fn parse_list(text: &str) -> Result<Vec<Self>, String> {
        let names: Vec<&str> = text.split(',').map(str::trim).collect();
        let is_known = |name: &&str| Self::ALL.iter().any(|suite| suite.name() == *name);
        if names.iter().all(is_known) {
            let is_asked = |suite: &&Self| names.contains(&suite.name());
            Ok(Self::ALL.iter().filter(is_asked).copied().collect())
        } else {
            let known: Vec<&str> = Self::ALL.iter().map(|suite| suite.name()).collect();
            Err(format!("is not a list of {}", known.join(", ")))
        }
    }

    /// Measures it.
    ///
    /// # Errors
    /// What it measures cannot be started, or does not do what it should.
    pub(crate) async fn measure(self, bench: &Bench<'_>) -> Result<Section, BoxError> {
        match self {
            Self::Reads => reads::measure(bench).await,
            Self::Latency => latency::measure(bench).await,
            Self::Memory => memory::measure(bench).await,
            Self::Bounded => {
                // Redis, its filler, reader and clients are busy at once.
                bench.cores.use_all()?;
                let section = bounded::measure(bench).await;
                bench.cores.leave_server_core()?;
                section
            }
            Self::Feed => {
                // Redis, publisher, reader and readers' clients are busy at once.
                bench.cores.use_all()?;
                let section = feed::measure(bench).await;
                bench.cores.leave_server_core()?;
                section
            }
            Self::Writes => writes::measure(bench).await,
        }
    }
}
