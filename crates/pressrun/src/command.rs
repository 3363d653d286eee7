//! The command line: which of its tasks `pressrun` is to do.

use std::ffi::OsString;

use clap::Command;
use service::config::{ConfigExit, Environment};

use crate::{
    config::{Config, PROGRAM},
    database, export, import, settings, simulation, token, verify,
};

/// What the command line asks for.
#[derive(Debug)]
pub(crate) enum Task {
    /// `pressrun`, `pressrun dev`.
    Dev(Box<Config>),
    /// `pressrun import`.
    Import(import::Options),
    /// `pressrun export`.
    Export(export::Options),
    /// `pressrun migrate`.
    Migrate(database::Options),
    /// `pressrun new-epoch`.
    NewEpoch(database::Options),
    /// `pressrun token new`.
    Token(token::Options),
    /// `pressrun verify`.
    Verify(verify::Options),
    /// `pressrun settings`.
    Settings,
    /// `pressrun simulate`.
    Simulate(simulation::Options),
}

impl Task {
    /// Reads arguments (the program's name first) and environment.
    ///
    /// # Errors
    /// Help or version was asked for, or the command line or some values cannot be used.
    pub(crate) fn read(
        arguments: impl IntoIterator<Item = OsString>,
        environment: &impl Environment,
    ) -> Result<Self, ConfigExit> {
        let mut command = command();
        let read = command.try_get_matches_from_mut(arguments);
        let matches = read.map_err(|error| ConfigExit::from(&error))?;
        let refuse = |error: clap::Error| ConfigExit::from(&error);
        match matches.subcommand() {
            Some(("import", given)) => import::Options::read(&mut command, given, environment)
                .map(Self::Import)
                .map_err(refuse),
            Some(("export", given)) => Ok(Self::Export(export::Options::read(given))),
            Some(("migrate", given)) => {
                database::Options::read(given, environment).map(Self::Migrate)
            }
            Some(("new-epoch", given)) => {
                database::Options::read(given, environment).map(Self::NewEpoch)
            }
            Some(("token", given)) => token::Options::read(&mut command, given)
                .map(Self::Token)
                .map_err(refuse),
            Some(("verify", given)) => Ok(Self::Verify(verify::Options::read(given))),
            Some(("settings", _)) => Ok(Self::Settings),
            Some(("simulate", given)) => simulation::Options::read(&mut command, given)
                .map(Self::Simulate)
                .map_err(refuse),
            Some((_, flags)) => Config::read(flags, environment).map(Self::dev),
            None => Config::read(&matches, environment).map(Self::dev),
        }
    }

    fn dev(config: Config) -> Self {
        Self::Dev(Box::new(config))
    }
}

fn command() -> Command {
    let dev = PROGRAM
        .command()
        .name("dev")
        .about("Start a writer and a reader in one process, over SQLite");
    PROGRAM
        .command()
        .args_conflicts_with_subcommands(true)
        .subcommand(dev)
        .subcommand(import::command())
        .subcommand(export::command())
        .subcommand(database::migrate_command())
        .subcommand(database::new_epoch_command())
        .subcommand(token::command())
        .subcommand(verify::command())
        .subcommand(settings::command())
        .subcommand(simulation::command())
}

#[cfg(test)]
mod tests {
    use std::collections::HashMap;

    use super::*;

    fn read(arguments: &[&str]) -> Result<Task, ConfigExit> {
        let all = ["pressrun"].iter().chain(arguments).map(OsString::from);
        Task::read(all, &HashMap::new())
    }

    #[test]
    fn without_a_command_it_is_dev_with_all_its_flags() {
        for arguments in [&[][..], &["dev"]] {
            let with_flag = [arguments, &["--data-dir", "/d"]].concat();
            let Ok(Task::Dev(config)) = read(&with_flag) else {
                panic!("{arguments:?}");
            };
            assert_eq!(config.data_dir.to_str(), Some("/d"));
        }
    }

    #[test]
    fn help_shows_every_command() {
        let help = read(&["--help"]).unwrap_err();
        assert_eq!(help.code(), 0);
        for name in [
            "dev",
            "import",
            "export",
            "migrate",
            "new-epoch",
            "token",
            "verify",
            "settings",
            "simulate",
            "help",
            "--writer-listen",
        ] {
            assert!(help.text().contains(name), "{name}: {}", help.text());
        }
        for name in [
            "dev",
            "import",
            "export",
            "migrate",
            "new-epoch",
            "settings",
            "simulate",
            "token",
            "verify",
        ] {
            assert_eq!(read(&[name, "--help"]).unwrap_err().code(), 0);
            assert_eq!(read(&["help", name]).unwrap_err().code(), 0);
        }
    }

    #[test]
    fn what_makes_no_sense_is_refused() {
        for arguments in [
            &["imports"][..],
            &["import", "--url", "https://127.0.0.1"],
            &["import", "--url", "nonsense"],
            &["import", "--collection", "Upper"],
            &["import", "--id-field", "sku"],
            &["simulate", "--without", "nonsense"],
            &["import", "--resume"],
            &["import", "-", "--resume"],
            &["import", "f", "--lines-per-request", "0"],
            &["import", "f", "--lines-per-request", "10001"],
            &["export", "a", "b"],
            &["migrate"],
            &["new-epoch"],
            &["new-epoch", "--database-url", "sqlite://d"],
            &["migrate", "--database-url", "sqlite://d"],
            &["verify", "--reader", "https://h"],
            &["verify", "--wait", "3601"],
            &["dev", "import"],
            &["settings", "more"],
            &["token"],
            &["token", "new"],
            &["token", "new", "--name", "a"],
            &["token", "new", "--scope", "*:write"],
            &["token", "new", "--name", "a b", "--scope", "*:write"],
            &["token", "new", "--name", "a", "--scope", "posts:read"],
            &["--data-dir", "/d", "import", "f"],
        ] {
            assert_eq!(read(arguments).unwrap_err().code(), 64, "{arguments:?}");
        }
    }

    #[test]
    fn verify_takes_readers_and_has_defaults() {
        let Ok(Task::Verify(verify)) = read(&["verify"]) else {
            panic!("verify");
        };
        assert_eq!(
            (verify.url.as_str(), verify.readers.len()),
            ("http://127.0.0.1:9180", 0)
        );
        assert_eq!(verify.wait.as_secs(), 30);
        let two = [
            "verify",
            "--reader",
            "http://a:1/",
            "--reader",
            "http://b:2",
        ];
        let Ok(Task::Verify(verify)) = read(&two) else {
            panic!("verify");
        };
        assert_eq!(verify.readers, ["http://a:1", "http://b:2"]);
    }

    #[test]
    fn import_and_export_have_defaults() {
        let Ok(Task::Import(import)) = read(&["import"]) else {
            panic!("import");
        };
        assert_eq!(import.url, "http://127.0.0.1:8080");
        assert_eq!((import.file, import.lines_per_request), (None, 5000));
        let Ok(Task::Export(export)) = read(&["export", "-", "--url", "http://h:1/"]) else {
            panic!("export");
        };
        assert_eq!((export.url.as_str(), export.file), ("http://h:1", None));
    }
}
