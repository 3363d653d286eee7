//! The settings of `pressrun dev`.

use std::{ffi::OsString, path::PathBuf};

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

/// The command `pressrun`, which is `pressrun dev`.
pub(crate) const PROGRAM: Program = Program {
    name: "pressrun",
    version: env!("CARGO_PKG_VERSION"),
    about: "Pressrun: print once, read everywhere.\n\n`pressrun` and `pressrun dev` start a writer \
            and a reader in one process, with nothing else needed.",
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
    /// Reads arguments (the program's name first, then perhaps `dev`) and environment.
    ///
    /// # Errors
    /// Help or version was asked for, or some values cannot be used: all problems together.
    pub(crate) fn read(
        arguments: impl IntoIterator<Item = OsString>,
        environment: &impl Environment,
    ) -> Result<Self, ConfigExit> {
        let mut arguments: Vec<OsString> = arguments.into_iter().collect();
        if arguments.get(1).is_some_and(|command| command == "dev") {
            arguments.remove(1);
        }
        let mut settings = Settings::gather(&PROGRAM, arguments, environment)?;
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
