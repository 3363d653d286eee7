//! `make chaos`: makes every fault of the design happen to real processes under load, and tells what
//! came of it.
//!
//! Two writers, three readers, a PostgreSQL and a Redis of its own for each scenario, which some have
//! by sentinels or as a Cluster. The exit
//! status is 0 where every promise held, 1 where one did not, 64 for a command line that cannot be
//! used.

mod load;
mod play;
mod redis;
mod report;
mod scenarios;
mod stage;

use std::{
    io::{self, Write},
    path::PathBuf,
    process::ExitCode,
    time::Duration,
};

use clap::{Arg, ArgAction, Command, builder::PossibleValuesParser, value_parser};
use tokio::time::timeout;

use crate::{
    play::{Verdict, play},
    report::Report,
    scenarios::{ALL, Scenario},
};

/// How long one scenario may take, from its first server to its verdict.
const SCENARIO_TIMEOUT: Duration = Duration::from_mins(6);

/// What became of a scenario: a verdict, or why there is none.
type Played = Result<Verdict, String>;

#[tokio::main]
async fn main() -> ExitCode {
    let names = ALL.iter().map(|scenario| scenario.name);
    let matches = Command::new("chaos")
        .about("Make faults happen to real processes under load, and tell what came of it")
        .arg(
            Arg::new("SCENARIO")
                .action(ArgAction::Append)
                .value_parser(PossibleValuesParser::new(names))
                .help("What is to happen; all, if none is named"),
        )
        .arg(
            Arg::new("out")
                .long("out")
                .value_name("FILE")
                .value_parser(value_parser!(PathBuf))
                .help("Where the table is written to; without it, to standard output"),
        )
        .try_get_matches();
    let matches = match matches {
        Ok(matches) => matches,
        Err(error) => {
            let code = if error.use_stderr() { 64 } else { 0 };
            drop(error.print());
            return ExitCode::from(code);
        }
    };
    let named: Vec<&String> = matches.get_many("SCENARIO").unwrap_or_default().collect();
    let mut report = Report::default();
    for scenario in ALL {
        if named.is_empty() || named.iter().any(|name| *name == scenario.name) {
            say(&format!("{}: {}", scenario.name, scenario.fault));
            let played = run(scenario).await;
            say(&report::line(scenario, &played));
            if let Ok(verdict) = &played
                && !verdict.findings().is_empty()
            {
                say(&verdict.logs.join("\n"));
            }
            report.add(scenario, played);
        }
    }
    let out: Option<&PathBuf> = matches.get_one("out");
    if let Err(error) = report.write(out) {
        say(&format!("the table cannot be written: {error}"));
        return ExitCode::FAILURE;
    }
    if report.is_clean() {
        ExitCode::SUCCESS
    } else {
        ExitCode::FAILURE
    }
}

/// A scenario that cannot be played to its end does not keep the others from it.
async fn run(scenario: &'static Scenario) -> Played {
    let playing = tokio::spawn(play(scenario));
    let abort = playing.abort_handle();
    match timeout(SCENARIO_TIMEOUT, playing).await {
        Ok(Ok(verdict)) => Ok(verdict),
        Ok(Err(error)) => Err(panic_message(error)),
        Err(_elapsed) => {
            abort.abort();
            Err(format!("not over after {SCENARIO_TIMEOUT:?}"))
        }
    }
}

fn panic_message(error: tokio::task::JoinError) -> String {
    let Ok(panic) = error.try_into_panic() else {
        return "cancelled".to_owned();
    };
    let text = panic.downcast_ref::<String>().cloned();
    let text = text.or_else(|| panic.downcast_ref::<&str>().map(|text| (*text).to_owned()));
    text.unwrap_or_else(|| "a panic without words".to_owned())
}

/// Tells how far it is.
fn say(line: &str) {
    // Nobody is left to tell where that cannot be written.
    drop(writeln!(io::stderr(), "{line}"));
}
