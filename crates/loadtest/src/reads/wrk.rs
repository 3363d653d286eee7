//! wrk: one closed loop, and what it says.

use std::{
    io,
    path::PathBuf,
    process::{Command, Output},
};

use serde_json::Value;

/// What wrk is told.
#[derive(Debug, Clone)]
pub(crate) struct Load {
    /// The beginning of the command that pins it.
    pub(crate) pin: [String; 3],
    /// Where the scripts are.
    pub(crate) scripts: PathBuf,
    /// A file of targets, one a line; without it the URL's own is asked for.
    pub(crate) targets: Option<PathBuf>,
    /// Requests that a connection sends at once.
    pub(crate) pipelined: u64,
    pub(crate) connections: u64,
    pub(crate) duration_secs: u64,
    /// Header fields, as `Name: value`.
    pub(crate) fields: Vec<String>,
    pub(crate) url: String,
}

/// What wrk saw.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Seen {
    pub(crate) requests: u64,
    /// Octets of all answers, heads included.
    pub(crate) bytes: u64,
    pub(crate) duration_micros: u64,
    /// Half of the answers took at most this long, in microseconds.
    pub(crate) p50_micros: u64,
    /// 99 of 100 answers took at most this long, in microseconds.
    pub(crate) p99_micros: u64,
    /// Connections that failed, and answers of 4xx and 5xx.
    pub(crate) errors: u64,
}

/// Runs wrk to its end, on a thread apart: others go on meanwhile.
///
/// # Errors
/// It is not installed, fails, or says nothing that can be read.
pub(crate) async fn run(load: Load) -> io::Result<Seen> {
    let output = tokio::task::spawn_blocking(move || output(&load)).await??;
    let said = String::from_utf8_lossy(&output.stdout);
    parse(&said).ok_or_else(|| {
        let complaint = String::from_utf8_lossy(&output.stderr);
        io::Error::other(format!("wrk said: {said}{complaint}"))
    })
}

fn output(load: &Load) -> io::Result<Output> {
    let mut command = Command::new(&load.pin[0]);
    command
        .args(&load.pin[1..])
        .args(["wrk", "--threads", "1", "--timeout", "10s"])
        .args(["--connections", &load.connections.to_string()])
        .args(["--duration", &format!("{}s", load.duration_secs)])
        .current_dir(&load.scripts);
    match &load.targets {
        None => command.args(["--script", "report.lua"]),
        Some(targets) => command
            .args(["--script", "targets.lua"])
            .env("TARGETS", targets)
            .env("PIPELINED", load.pipelined.to_string()),
    };
    for field in &load.fields {
        command.args(["--header", field]);
    }
    command.arg(&load.url).output()
}

/// The line that `report.lua` writes.
pub(crate) fn parse(said: &str) -> Option<Seen> {
    let line = said.lines().find(|line| line.starts_with('{'))?;
    let value: Value = serde_json::from_str(line).ok()?;
    let number = |name: &str| value[name].as_u64();
    Some(Seen {
        requests: number("requests")?,
        bytes: number("bytes")?,
        duration_micros: number("duration_us")?,
        p50_micros: number("p50_us")?,
        p99_micros: number("p99_us")?,
        errors: number("errors")?,
    })
}
