//! The command `loadtest`: measures a reader against yardsticks and baselines.
//!
//! `loadtest/README.md` has the method. In reading order: [`config`] is what it is told,
//! [`machine`] where it runs, [`suite`] what can be measured and how to add to it, [`stand`],
//! [`processor`] and [`bars`] what suites share, [`section`] and [`report`] what is written down. Each suite is a
//! module: [`reads`], [`latency`], [`memory`], [`feed`], [`writes`]. [`budget`] is no suite: it counts, and measures no time.

mod bars;
mod bounded;
mod budget;
mod config;
mod decimal;
mod feed;
mod latency;
mod machine;
mod memory;
mod processor;
mod reads;
mod report;
mod section;
mod stand;
mod suite;
mod writes;

#[cfg(test)]
mod tests;

use std::{
    io::{self, Write},
    process::ExitCode,
};

use service::{config::ProcessEnvironment, process::BoxError};

use config::Config;
use machine::Machine;
use processor::Cores;
use report::Report;
use suite::Bench;

fn main() -> ExitCode {
    let config = match Config::read(std::env::args_os(), &ProcessEnvironment) {
        Ok(config) => config,
        Err(exit) => return exit.report(),
    };
    match run(&config) {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            say(&format!("loadtest: {error}"));
            ExitCode::FAILURE
        }
    }
}

fn run(config: &Config) -> Result<(), BoxError> {
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()?;
    match &config.budget {
        Some(file) => runtime.block_on(budget::hold(config, file)),
        None => measure(config, &runtime),
    }
}

fn measure(config: &Config, runtime: &tokio::runtime::Runtime) -> Result<(), BoxError> {
    let cores = Cores::allowed()?;
    // Before anything is started, so that all of it stays off the server's core.
    cores.leave_server_core()?;
    let machine = runtime.block_on(Machine::inspect())?;
    let bench = Bench {
        config,
        cores: &cores,
    };
    let mut sections = Vec::new();
    for suite in &config.suites {
        say(&format!("suite {}", suite.name()));
        sections.push(runtime.block_on(suite.measure(&bench))?);
    }
    let report = Report {
        config,
        cores: &cores,
        machine: &machine,
        sections: &sections,
    };
    say(&format!("Written: {}", report.write()?.display()));
    Ok(())
}

/// Tells people how far it is. Nobody listening is no reason to end.
fn say(line: &str) {
    drop(writeln!(io::stderr(), "{line}"));
}
