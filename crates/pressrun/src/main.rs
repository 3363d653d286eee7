//! The command `pressrun`: alone, or as `pressrun dev`, a writer and a reader in one process.

mod config;
mod dev;
mod welcome;

#[cfg(test)]
mod tests;

use std::process::ExitCode;

use service::config::ProcessEnvironment;

use config::Config;

fn main() -> ExitCode {
    match Config::read(std::env::args_os(), &ProcessEnvironment) {
        Ok(config) => {
            let process = config.process.clone();
            service::process::run("pressrun", &process, |lifecycle| {
                dev::run(config, lifecycle)
            })
        }
        Err(exit) => exit.report(),
    }
}
