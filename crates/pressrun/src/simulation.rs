//! `pressrun simulate`: the promises against faults, in as many worlds as there is patience for.
//!
//! See the crate `simulate`. A world is its seed: what fails is printed, and fails again.

use std::{
    fs::OpenOptions,
    io::{self, Write},
    path::PathBuf,
    process::ExitCode,
};

use clap::{Arg, ArgAction, ArgMatches, Command, error::ErrorKind, value_parser};
use simulate::{Detail, Report, Rule, Rules, campaign, simulate};

use crate::progress::{self, SOME_FAILED};

/// Seeds unless asked for more: half a minute of one core.
const SEEDS: u64 = 10_000;

/// Seeds of each row of the table.
const TABLE_SEEDS: u64 = 1_000;

/// Failing worlds that are told in words.
const TOLD_MAX: usize = 20;

/// What is simulated.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Options {
    /// Many worlds.
    Seeds {
        first: u64,
        count: u64,
        without: Option<Rule>,
        /// Where failing seeds are added.
        keep: Option<PathBuf>,
    },
    /// One world, with everything that happens in it.
    Replay { seed: u64, without: Option<Rule> },
    /// The table of all rules.
    Table,
}

pub(crate) fn command() -> Command {
    let number = |name: &'static str| {
        Arg::new(name)
            .long(name)
            .value_name("N")
            .value_parser(value_parser!(u64))
    };
    Command::new("simulate")
        .about("Check the promises in simulated worlds of faults")
        .arg(number("seeds").help("How many worlds [default: 10000]"))
        .arg(number("first").help("The first one's seed [default: 0]"))
        .arg(
            number("seed")
                .help("Replay one world, and print what happens in it")
                .conflicts_with_all(["seeds", "first", "keep"]),
        )
        .arg(
            Arg::new("without")
                .long("without")
                .value_name("RULE")
                .help("Take one rule away; --table names them"),
        )
        .arg(
            Arg::new("keep")
                .long("keep")
                .value_name("FILE")
                .value_parser(value_parser!(PathBuf))
                .help("Add failing seeds to a file"),
        )
        .arg(
            Arg::new("table")
                .long("table")
                .action(ArgAction::SetTrue)
                .conflicts_with_all(["seeds", "first", "seed", "without", "keep"])
                .help("Print how many of 1,000 worlds fail without each rule"),
        )
}

impl Options {
    /// # Errors
    /// There is no rule of that name.
    pub(crate) fn read(command: &mut Command, given: &ArgMatches) -> Result<Self, clap::Error> {
        if given.get_flag("table") {
            return Ok(Self::Table);
        }
        let without = match given.get_one::<String>("without") {
            None => None,
            Some(name) => Some(Rule::named(name).ok_or_else(|| {
                command.error(ErrorKind::InvalidValue, format!("no rule is named {name}"))
            })?),
        };
        let number = |name: &str| given.get_one::<u64>(name).copied();
        Ok(match number("seed") {
            Some(seed) => Self::Replay { seed, without },
            None => Self::Seeds {
                first: number("first").unwrap_or(0),
                count: number("seeds").unwrap_or(SEEDS),
                without,
                keep: given.get_one("keep").cloned(),
            },
        })
    }
}

/// Exits with [`SOME_FAILED`] where a promise was broken.
pub(crate) fn run(options: &Options) -> ExitCode {
    let done = match options {
        Options::Seeds {
            first,
            count,
            without,
            keep,
        } => {
            let rules = Rules { without: *without };
            let report = campaign(*first..first.saturating_add(*count), rules);
            tell(*count, &report).and_then(|()| match keep {
                Some(path) => add(path, &report).map(|()| report.broken.is_empty()),
                None => Ok(report.broken.is_empty()),
            })
        }
        Options::Replay { seed, without } => replay(*seed, Rules { without: *without }),
        Options::Table => table().map(|()| true),
    };
    match done {
        Ok(true) => ExitCode::SUCCESS,
        Ok(false) => ExitCode::from(SOME_FAILED),
        Err(error) => progress::report_failure(&error),
    }
}

fn tell(count: u64, report: &Report) -> io::Result<()> {
    let mut out = io::stdout().lock();
    for (seed, broken) in report.broken.iter().take(TOLD_MAX) {
        writeln!(out, "seed {seed}: {broken}")?;
    }
    writeln!(
        out,
        "{} of {count} worlds broke a promise; the others converged within {:.1} s, or {:.1} s \
         where the bus had lost a document silently",
        report.broken.len(),
        report.converged_within.as_secs_f64(),
        report.mended_within.as_secs_f64(),
    )
}

fn add(path: &PathBuf, report: &Report) -> io::Result<()> {
    let mut file = OpenOptions::new().create(true).append(true).open(path)?;
    for (seed, broken) in &report.broken {
        writeln!(file, "{seed} {broken}")?;
    }
    Ok(())
}

fn replay(seed: u64, rules: Rules) -> io::Result<bool> {
    let ending = simulate(seed, rules, Detail::Trace);
    let mut out = io::stdout().lock();
    for line in &ending.trace {
        writeln!(out, "{line}")?;
    }
    match &ending.broken {
        Some(broken) => writeln!(out, "broken: {broken}")?,
        None => writeln!(out, "kept; converged after {:?}", ending.converged_after)?,
    }
    Ok(ending.broken.is_none())
}

/// As Markdown: for ARCHITECTURE.md.
fn table() -> io::Result<()> {
    let mut out = io::stdout().lock();
    writeln!(
        out,
        "| without | worlds of {TABLE_SEEDS} that fail | or what it guards |"
    )?;
    writeln!(out, "|---|---|---|")?;
    let all = campaign(0..TABLE_SEEDS, Rules::ALL);
    writeln!(out, "| nothing | {} | |", all.broken.len())?;
    for (rule, name, guards) in Rule::ALL {
        let without = Some(*rule);
        let report = campaign(0..TABLE_SEEDS, Rules { without });
        writeln!(out, "| {name} | {} | {guards} |", report.broken.len())?;
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(arguments: &[&str]) -> Result<Options, clap::Error> {
        let mut command = command();
        let all = ["simulate"].iter().chain(arguments);
        let given = command.try_get_matches_from_mut(all)?;
        Options::read(&mut command, &given)
    }

    #[test]
    fn it_runs_many_worlds_unless_one_is_asked_for() {
        let many = Options::Seeds {
            first: 0,
            count: SEEDS,
            without: None,
            keep: None,
        };
        assert_eq!(read(&[]).unwrap(), many);
        let one = Options::Replay {
            seed: 7,
            without: Some(Rule::Links),
        };
        assert_eq!(read(&["--seed", "7", "--without", "links"]).unwrap(), one);
        assert!(read(&["--without", "nonsense"]).is_err());
        assert!(read(&["--seed", "7", "--seeds", "8"]).is_err());
    }
}
