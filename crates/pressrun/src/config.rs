//! The settings of `pressrun dev`.

use std::path::PathBuf;

use clap::ArgMatches;
use reader::config::ReaderConfig;
use service::config::{ConfigExit, Environment, Process, Program, Setting, Settings, process};
use writer::config::WriterConfig;

const SETTINGS: &[Setting] = &[
    Setting::new(
        "DATA_DIR",
        Some("./pressrun-data"),
        "Where the documents are kept; made if it is not there",
    ),
    // No gateway has to notice that this process ends.
    Setting::new(
        "DRAIN_DELAY",
        Some("0"),
        "How long to serve on after SIGTERM, so that gateways notice; 0 to 1h",
    ),
];

/// The command `pressrun` without a command below it, which is `pressrun dev`.
pub(crate) const PROGRAM: Program = Program {
    name: "pressrun",
    version: env!("CARGO_PKG_VERSION"),
    about: "Pressrun: print once, read everywhere.\n\nWithout a command it does what `pressrun dev` \
            does: start a writer and a reader in one process, with nothing else needed.",
    tables: &[
        SETTINGS,
        writer::config::SETTINGS,
        reader::config::SETTINGS,
        process::SETTINGS,
    ],
};

/// What `pressrun dev` is told.
#[derive(Debug, Clone)]
pub(crate) struct Config {
    /// `DATA_DIR`: the database's directory. Default `./pressrun-data`.
    pub(crate) data_dir: PathBuf,
    pub(crate) writer: WriterConfig,
    pub(crate) reader: ReaderConfig,
    pub(crate) process: Process,
}

impl Config {
    /// Reads flags, parsed by a command made from [`PROGRAM`], and environment.
    ///
    /// # Errors
    /// Some values cannot be used: all problems together.
    pub(crate) fn read(
        flags: &ArgMatches,
        environment: &impl Environment,
    ) -> Result<Self, ConfigExit> {
        let mut settings = Settings::from_matches(&PROGRAM, flags, environment);
        let data_dir = settings.path("DATA_DIR");
        let writer = WriterConfig::read(&mut settings);
        let reader = ReaderConfig::read(&mut settings);
        let process = Process::read(&mut settings);
        settings.finish(|| {
            Ok(Self {
                data_dir: data_dir?,
                writer: writer?,
                reader: reader?,
                process: process?,
            })
        })
    }
}
