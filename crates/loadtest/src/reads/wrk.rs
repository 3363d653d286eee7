//! wrk: one closed loop, and what it says.

use std::{io, path::Path, process::Command};

use serde_json::Value;

/// What wrk is told.
#[derive(Debug)]
pub(crate) struct Load<'a> {
    /// The beginning of the command that pins it.
    pub(crate) pin: &'a [String],
    /// Where the scripts are.
    pub(crate) scripts: &'a Path,
    /// A script there. It ends with a call of `report.lua`.
    pub(crate) script: &'a str,
    pub(crate) connections: u64,
    pub(crate) duration_secs: u64,
    /// Header fields, as `Name: value`.
    pub(crate) fields: &'a [String],
    pub(crate) url: &'a str,
}

/// What wrk saw.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Seen {
    pub(crate) requests: u64,
    pub(crate) duration_micros: u64,
    /// Half of the answers took at most this long, in microseconds.
    pub(crate) p50_micros: u64,
    /// 99 of 100 answers took at most this long, in microseconds.
    pub(crate) p99_micros: u64,
    /// Connections that failed, and answers of 4xx and 5xx.
    pub(crate) errors: u64,
}

/// Runs wrk to its end.
///
/// # Errors
/// It is not installed, fails, or says nothing that can be read.
pub(crate) fn run(load: &Load<'_>) -> io::Result<Seen> {
    let mut command = Command::new(&load.pin[0]);
    command
        .args(&load.pin[1..])
        .args(["wrk", "--threads", "1", "--timeout", "10s"])
        .args(["--connections", &load.connections.to_string()])
        .args(["--duration", &format!("{}s", load.duration_secs)])
        .args(["--script", load.script])
        .current_dir(load.scripts);
    for field in load.fields {
        command.args(["--header", field]);
    }
    let output = command.arg(load.url).output()?;
    let said = String::from_utf8_lossy(&output.stdout);
    parse(&said).ok_or_else(|| {
        let complaint = String::from_utf8_lossy(&output.stderr);
        io::Error::other(format!("wrk said: {said}{complaint}"))
    })
}

/// The line that `report.lua` writes.
pub(crate) fn parse(said: &str) -> Option<Seen> {
    let line = said.lines().find(|line| line.starts_with('{'))?;
    let value: Value = serde_json::from_str(line).ok()?;
    let number = |name: &str| value[name].as_u64();
    Some(Seen {
        requests: number("requests")?,
        duration_micros: number("duration_us")?,
        p50_micros: number("p50_us")?,
        p99_micros: number("p99_us")?,
        errors: number("errors")?,
    })
}
