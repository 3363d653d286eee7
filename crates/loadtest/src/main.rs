//! The command `loadtest`: measures a reader against yardsticks and baselines.
//!
//! `loadtest/README.md` has the method. In reading order: [`config`] is what it is told,
//! [`machine`] where it runs, [`stand`] the servers it starts, [`scenario`] what it asks them,
//! [`wrk`] and [`processor`] what it reads off, [`summary`] what that comes to, [`report`] and
//! [`chart`] what is written down.

mod chart;
mod config;
mod decimal;
#[expect(dead_code, reason = "a suite; runs once suites are chosen by name")]
mod feed;
mod machine;
mod measure;
mod processor;
mod report;
mod scenario;
mod stand;
mod summary;
mod wrk;

#[cfg(test)]
mod tests;

use std::{
    fs,
    io::{self, Write},
    process::ExitCode,
};

use service::{config::ProcessEnvironment, process::BoxError};

use config::Config;
use machine::Machine;
use processor::Cores;
use report::Report;
use stand::Stand;

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
    let cores = Cores::allowed()?;
    // Before anything is started, so that all of it stays off the server's core.
    cores.leave_server_core()?;
    let machine = Machine::inspect()?;
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()?;
    let (rounds, content_bytes) = runtime.block_on(async {
        let stand = Stand::start(&cores, &config.binaries).await?;
        let rounds = measure::all(&stand, config, &cores).await?;
        Ok::<_, BoxError>((rounds, stand.sample.content_bytes()))
    })?;
    let lines = summary::summarise(&rounds);
    let report = Report {
        config,
        cores: &cores,
        machine: &machine,
        content_bytes,
        lines: &lines,
        rounds: &rounds,
    };
    fs::create_dir_all(&config.results)?;
    let path = |extension| {
        let file = format!("{}.{extension}", config.name);
        config.results.join(file)
    };
    fs::write(path("svg"), chart::draw(&lines))?;
    fs::write(path("md"), report.to_markdown())?;
    say(&report.table());
    say(&format!("Written: {}", path("md").display()));
    Ok(())
}

/// Tells people how far it is. Nobody listening is no reason to end.
fn say(line: &str) {
    drop(writeln!(io::stderr(), "{line}"));
}
