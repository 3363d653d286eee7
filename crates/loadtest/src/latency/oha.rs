//! oha: an open loop, and what it says.

use std::process::Command;

use serde_json::Value;
use service::process::BoxError;

use crate::{stand::find, suite::Bench};

/// What clients waited, in microseconds, and how often they were answered.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Waits {
    pub(crate) requests_per_second: u64,
    pub(crate) p50_micros: u64,
    pub(crate) p99_micros: u64,
    pub(crate) p999_micros: u64,
}

/// Asks at this rate for as long as one measurement takes.
///
/// # Errors
/// oha is not installed, says nothing that can be read, or some requests failed.
pub(crate) async fn run(bench: &Bench<'_>, rate: u64, url: String) -> Result<Waits, BoxError> {
    let oha = find("oha").ok_or("oha is not installed: scripts/install-load-tools")?;
    let pin = bench.cores.on_client();
    let mut command = Command::new(&pin[0]);
    command
        .args(&pin[1..])
        .arg(oha)
        .args([
            "--no-tui",
            "--output-format",
            "json",
            "--latency-correction",
        ])
        .args(["-q", &rate.to_string()])
        .args(["-c", &bench.config.connections.to_string()])
        .args(["-z", &format!("{}s", bench.config.duration_secs)])
        // Those that are on their way at the end would count as failed.
        .arg("--wait-ongoing-requests-after-deadline")
        .arg(url);
    let output = tokio::task::spawn_blocking(move || command.output()).await??;
    let said = String::from_utf8_lossy(&output.stdout);
    parse(&said).ok_or_else(|| {
        let complaint = String::from_utf8_lossy(&output.stderr);
        format!("oha said: {said}{complaint}").into()
    })
}

/// `None` where a request failed, too.
pub(crate) fn parse(said: &str) -> Option<Waits> {
    let value: Value = serde_json::from_str(said).ok()?;
    let is_whole = value["errorDistribution"].as_object()?.is_empty()
        && value["statusCodeDistribution"]
            .as_object()?
            .keys()
            .eq(["200"]);
    if !is_whole {
        return None;
    }
    let micros = |percentile: &str| {
        let seconds = value["latencyPercentiles"][percentile].as_f64()?;
        u64::try_from(
            std::time::Duration::try_from_secs_f64(seconds)
                .ok()?
                .as_micros(),
        )
        .ok()
    };
    let rate = value["summary"]["requestsPerSec"].as_f64()?;
    Some(Waits {
        requests_per_second: format!("{rate:.0}").parse().ok()?,
        p50_micros: micros("p50")?,
        p99_micros: micros("p99")?,
        p999_micros: micros("p99.9")?,
    })
}
