//! What is done to a writer's PostgreSQL by hand: `pressrun migrate` brings its schema up to date, for
//! deployments whose writers are not to do it when they start; `pressrun new-epoch` tells the fleet
//! that its history is another one than before.

use std::process::ExitCode;

use clap::{ArgMatches, Command};
use service::config::{ConfigExit, Environment, Program, RedactedUrl, Setting, Settings};
use writer::{
    config::database_url,
    store::{
        Store, StoreError, Tip,
        postgres::{PostgresOptions, PostgresStore},
    },
};

use crate::progress::{self, print, say};

/// The settings of these commands.
const SETTINGS: &[Setting] = &[Setting::secret(
    "DATABASE_URL",
    "PostgreSQL, as the writer is told",
)];

const MIGRATE: Program = Program {
    name: "migrate",
    version: env!("CARGO_PKG_VERSION"),
    about: "Bring the schema of a writer's PostgreSQL up to date, then end",
    tables: &[SETTINGS],
};

const NEW_EPOCH: Program = Program {
    name: "new-epoch",
    version: env!("CARGO_PKG_VERSION"),
    about: "Begin a new epoch in a writer's PostgreSQL, as after a restore, and print its position.\n\n\
            Readers then drop what they hold in favour of what this database holds. Positions that \
            clients kept from before are answered 409. No document is changed, and writers may run.",
    tables: &[SETTINGS],
};

/// What these commands are told.
#[derive(Debug, Clone)]
pub(crate) struct Options {
    /// `DATABASE_URL`: as the writer's.
    database_url: RedactedUrl,
}

/// `pressrun migrate`.
pub(crate) fn migrate_command() -> Command {
    MIGRATE.command()
}

/// `pressrun new-epoch`.
pub(crate) fn new_epoch_command() -> Command {
    NEW_EPOCH.command()
}

impl Options {
    /// Reads what one of the commands has parsed, and the environment.
    ///
    /// # Errors
    /// The URL is missing or none of PostgreSQL's.
    pub(crate) fn read(
        flags: &ArgMatches,
        environment: &impl Environment,
    ) -> Result<Self, ConfigExit> {
        let mut settings = Settings::from_matches(&MIGRATE, flags, environment);
        let database_url = settings.required("DATABASE_URL", database_url);
        settings.finish(|| {
            Ok(Self {
                database_url: database_url?,
            })
        })
    }
}

/// Applies what is missing, however long it takes. Several may run at once.
pub(crate) async fn migrate(options: &Options) -> ExitCode {
    match PostgresStore::migrate(options.database_url.expose()).await {
        Ok(()) => {
            say(format_args!("the schema is up to date"));
            ExitCode::SUCCESS
        }
        Err(error) => progress::report_failure(&error),
    }
}

/// Begins an epoch. The leader's next round takes the fleet along.
pub(crate) async fn new_epoch(options: &Options) -> ExitCode {
    match begin_epoch(options).await {
        Ok(tip) => {
            say(format_args!("a new epoch has begun"));
            print(format_args!("{}", tip.position));
            ExitCode::SUCCESS
        }
        Err(error) => progress::report_failure(&error),
    }
}

async fn begin_epoch(options: &Options) -> Result<Tip, StoreError> {
    let url = options.database_url.expose();
    let store = PostgresStore::connect(url, PostgresOptions::default()).await?;
    store.begin_epoch().await
}
