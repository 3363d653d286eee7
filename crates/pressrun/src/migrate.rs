//! `pressrun migrate`: brings the database's schema up to date, and ends; for deployments whose writers
//! are not to do it when they start.

use std::process::ExitCode;

use clap::{ArgMatches, Command};
use service::config::{ConfigExit, Environment, Program, RedactedUrl, Setting, Settings, values};
use writer::store::postgres::PostgresStore;

use crate::progress::{self, say};

/// The settings of this command alone.
const PROGRAM: Program = Program {
    name: "migrate",
    version: env!("CARGO_PKG_VERSION"),
    about: "Bring the schema of a writer's PostgreSQL up to date, then end",
    tables: &[&[Setting::secret(
        "DATABASE_URL",
        "PostgreSQL, as the writer is told",
    )]],
};

/// What `pressrun migrate` is told.
#[derive(Debug, Clone)]
pub(crate) struct Options {
    /// `DATABASE_URL`: as the writer's.
    database_url: RedactedUrl,
}

/// `pressrun migrate`.
pub(crate) fn command() -> Command {
    PROGRAM.command()
}

impl Options {
    /// Reads what [`command`] has parsed, and the environment.
    ///
    /// # Errors
    /// The URL is missing or none of PostgreSQL's.
    pub(crate) fn read(
        flags: &ArgMatches,
        environment: &impl Environment,
    ) -> Result<Self, ConfigExit> {
        let mut settings = Settings::from_matches(&PROGRAM, flags, environment);
        let database_url =
            settings.required("DATABASE_URL", values::url_of(&["postgres", "postgresql"]));
        settings.finish(|| {
            Ok(Self {
                database_url: database_url?,
            })
        })
    }
}

/// Applies what is missing, however long it takes. Several may run at once.
pub(crate) async fn run(options: &Options) -> ExitCode {
    match PostgresStore::migrate(options.database_url.expose()).await {
        Ok(()) => {
            say(format_args!("the schema is up to date"));
            ExitCode::SUCCESS
        }
        Err(error) => progress::report_failure(&error),
    }
}
