//! The shape of every process here: telemetry, runtime, signals, work, exit status.

use std::{error::Error, future::Future, process::ExitCode};

use telemetry::Telemetry;
use tracing::{error, info, warn};

use crate::{
    Lifecycle,
    config::{self, Process},
    lifecycle::Signals,
};

/// Whatever ended the work; printed with its whole chain.
pub type BoxError = Box<dyn Error + Send + Sync>;

/// Runs `work` until it ends by itself, which it does once its lifecycle closes.
///
/// A second signal ends it at once. The exit status is 0, 64 where logs or traces cannot be set up
/// as configured, or 1 where the work failed. `work` gets a multi-thread runtime with as many workers as there are cores.
/// In traces the process is called `instance`, among those of its program.
pub fn run<F>(
    program: &str,
    instance: String,
    process: &Process,
    work: impl FnOnce(Lifecycle) -> F,
) -> ExitCode
where
    F: Future<Output = Result<(), BoxError>>,
{
    let telemetry = match telemetry::init(&telemetry_config(program, instance, process)) {
        Ok(telemetry) => telemetry,
        Err(error) => return refuse(&error),
    };
    let outcome = run_work(process, work);
    if let Err(error) = &outcome {
        error!(error = %telemetry::chain(&**error), "{program} ends");
    } else {
        info!("{program} ends");
    }
    flush(telemetry);
    ExitCode::from(u8::from(outcome.is_err()))
}

fn run_work<F>(process: &Process, work: impl FnOnce(Lifecycle) -> F) -> Result<(), BoxError>
where
    F: Future<Output = Result<(), BoxError>>,
{
    let lifecycle = Lifecycle::new(process.drain_delay, process.shutdown_grace);
    let runtime = tokio::runtime::Builder::new_multi_thread()
        .enable_all()
        .build()?;
    let outcome = runtime.block_on(async {
        let signals = Signals::listen()?;
        tokio::select! {
            outcome = work(lifecycle.clone()) => outcome,
            () = lifecycle.follow_signals(signals) => Ok(()),
        }
    });
    // After a second signal nobody waits for what still runs.
    runtime.shutdown_background();
    outcome
}

fn telemetry_config(program: &str, instance: String, process: &Process) -> telemetry::Config {
    let name = process.service_name.clone();
    telemetry::Config {
        service_name: name.unwrap_or_else(|| format!("pressrun-{program}")),
        instance,
        filter: process.log_filter.clone(),
        format: match process.log_format {
            config::process::LogFormat::Text => telemetry::LogFormat::Text,
            config::process::LogFormat::Json => telemetry::LogFormat::Json,
        },
        otlp_endpoint: process
            .otlp_endpoint
            .as_ref()
            .map(|endpoint| endpoint.expose().to_owned()),
        trace_ratio: process.trace_ratio,
    }
}

/// There is no log to write to yet.
fn refuse(error: &telemetry::InitError) -> ExitCode {
    config::ConfigExit::usage(telemetry::chain(error).to_string()).report()
}

fn flush(telemetry: Telemetry) {
    if let Err(error) = telemetry.shutdown() {
        warn!(error = %telemetry::chain(&error), "traces lost");
    }
}
