//! What a run is told.

use std::{path::PathBuf, time::Duration};

use service::config::{ConfigExit, Environment, Program, Setting, Settings, values};

use crate::suite::Suite;

const SETTINGS: &[Setting] = &[
    Setting::new(
        "ONLY",
        None,
        "What to measure: suites with commas between them, by default all",
    ),
    Setting::new(
        "BUDGET",
        None,
        "A file of budgets: count what a hot request costs, hold it against them, and measure nothing",
    ),
    Setting::new(
        "DURATION",
        Some("5s"),
        "How long each measurement takes, in whole seconds, 1s to 60s",
    ),
    Setting::new(
        "ROUNDS",
        Some("3"),
        "How often each scenario is measured, 1 to 99",
    ),
    Setting::new(
        "CONNECTIONS",
        Some("64"),
        "Connections that each ask again once they are answered, 1 to 1024",
    ),
    Setting::new(
        "DOCUMENTS",
        Some("1000000"),
        "How many posts very many are, 1000 to 5000000",
    ),
    Setting::new(
        "RESULTS_DIR",
        Some("loadtest/results"),
        "Where the report and the chart are written",
    ),
    Setting::new(
        "RESULT_NAME",
        Some("latest"),
        "What the report and the chart are named, without extension",
    ),
    Setting::new(
        "BUILD",
        Some("unknown"),
        "What was built and how, for the report",
    ),
    Setting::new(
        "BINARIES_DIR",
        Some("target/dist"),
        "Where writer and reader are",
    ),
    Setting::new(
        "SCRIPTS_DIR",
        Some("loadtest/wrk"),
        "Where wrk's scripts are",
    ),
];

const PROGRAM: Program = Program {
    name: "loadtest",
    version: env!("CARGO_PKG_VERSION"),
    about: "Measures a reader against yardsticks and baselines, in one run on one machine",
    tables: &[SETTINGS],
};

/// What a run is told.
#[derive(Debug)]
pub(crate) struct Config {
    /// `ONLY`: by default all, in the order of [`Suite::ALL`].
    pub(crate) suites: Vec<Suite>,
    /// `BUDGET`: by default none.
    pub(crate) budget: Option<PathBuf>,
    /// `DURATION` of one measurement: 1 to 60 s, by default 5. Whole seconds: wrk knows no others.
    pub(crate) duration_secs: u64,
    /// `ROUNDS`: 1 to 99, by default 3.
    pub(crate) rounds: u64,
    /// `CONNECTIONS` of wrk: 1 to 1024, by default 64.
    pub(crate) connections: u64,
    /// `DOCUMENTS`, where very many are meant: 1,000 to 5,000,000, by default 1,000,000.
    pub(crate) documents: u64,
    /// `RESULTS_DIR`: by default `loadtest/results`.
    pub(crate) results: PathBuf,
    /// `RESULT_NAME`: by default `latest`.
    pub(crate) name: String,
    /// `BUILD`: shown in the report.
    pub(crate) build: String,
    /// `BINARIES_DIR`: by default `target/dist`.
    pub(crate) binaries: PathBuf,
    /// `SCRIPTS_DIR`: by default `loadtest/wrk`.
    pub(crate) scripts: PathBuf,
}

impl Config {
    /// Reads arguments (the program's name first) and environment.
    ///
    /// # Errors
    /// Help was asked for, or some values cannot be used: all problems together.
    pub(crate) fn read<A>(
        arguments: impl IntoIterator<Item = A>,
        environment: &impl Environment,
    ) -> Result<Self, ConfigExit>
    where
        A: Into<std::ffi::OsString> + Clone,
    {
        let mut settings = Settings::gather(&PROGRAM, arguments, environment)?;
        let suites = settings.optional("ONLY", Suite::parse_list);
        let budget = settings.optional("BUDGET", |text| Ok(PathBuf::from(text)));
        let duration_secs = settings.required("DURATION", whole_seconds);
        let rounds = settings.count("ROUNDS", 1..=99);
        let connections = settings.count("CONNECTIONS", 1..=1024);
        let documents = settings.count("DOCUMENTS", 1000..=5_000_000);
        let results = settings.path("RESULTS_DIR");
        let name = settings.required("RESULT_NAME", file_name);
        let build = settings.text("BUILD");
        let binaries = settings.path("BINARIES_DIR");
        let scripts = settings.path("SCRIPTS_DIR");
        settings.finish(|| {
            Ok(Self {
                suites: suites?.unwrap_or_else(|| Suite::ALL.to_vec()),
                budget: budget?,
                duration_secs: duration_secs?,
                rounds: rounds?,
                connections: connections?,
                documents: documents?,
                results: results?,
                name: name?,
                build: build?,
                binaries: binaries?,
                scripts: scripts?,
            })
        })
    }
}

fn whole_seconds(text: &str) -> Result<u64, String> {
    let limits = Duration::from_secs(1)..=Duration::from_mins(1);
    let duration = values::duration_in(limits)(text)?;
    if duration.subsec_nanos() == 0 {
        Ok(duration.as_secs())
    } else {
        Err("is not a whole number of seconds".to_owned())
    }
}

fn file_name(text: &str) -> Result<String, String> {
    let is_plain = |octet: u8| octet.is_ascii_alphanumeric() || b"-_.".contains(&octet);
    if text.bytes().all(is_plain) && !text.starts_with('.') {
        Ok(text.to_owned())
    } else {
        Err("is not a file's name of a-z, A-Z, 0-9, -, _ and .".to_owned())
    }
}
