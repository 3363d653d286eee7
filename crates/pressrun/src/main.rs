//! The command `pressrun`: alone, or as `pressrun dev`, a writer and a reader in one process; and
//! what carries documents in and out in bulk, compares them, or prepares for them.

mod arguments;
mod command;
mod config;
mod database;
mod dev;
mod export;
mod import;
mod progress;
mod settings;
mod simulation;
mod token;
mod verify;
mod welcome;

#[cfg(test)]
mod tests;

use std::{future::Future, process::ExitCode};

use service::config::ProcessEnvironment;

use command::Task;

fn main() -> ExitCode {
    match Task::read(std::env::args_os(), &ProcessEnvironment) {
        Ok(Task::Dev(config)) => {
            let process = config.process.clone();
            let instance = config.reader.id.clone();
            service::process::run("pressrun", instance, &process, |lifecycle| {
                dev::run(*config, lifecycle)
            })
        }
        Ok(Task::Import(options)) => block_on(import::run(&options)),
        Ok(Task::Export(options)) => block_on(export::run(&options)),
        Ok(Task::Migrate(options)) => block_on(database::migrate(&options)),
        Ok(Task::NewEpoch(options)) => block_on(database::new_epoch(&options)),
        Ok(Task::Token(options)) => token::run(&options),
        Ok(Task::Settings) => settings::run(),
        Ok(Task::Simulate(options)) => simulation::run(&options),
        Ok(Task::Verify(options)) => block_on(verify::run(&options)),
        Err(exit) => exit.report(),
    }
}

/// Runs a command that does one thing after the other.
fn block_on(command: impl Future<Output = ExitCode>) -> ExitCode {
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build();
    match runtime {
        Ok(runtime) => runtime.block_on(command),
        Err(error) => progress::report_failure(&error),
    }
}
