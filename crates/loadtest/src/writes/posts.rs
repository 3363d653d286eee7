//! The load through HTTP: wrk with a script that makes posts.

use std::{io, process::Command};

use super::servers::Servers;
use crate::{
    reads::wrk::{self, Seen},
    suite::Bench,
};

/// Runs wrk with this script to its end.
///
/// # Errors
/// It is not installed, fails, or says nothing that can be read; a write failed.
pub(crate) fn write(
    servers: &Servers,
    bench: &Bench<'_>,
    script: &str,
    duration_secs: u64,
) -> io::Result<Seen> {
    let output = Command::new(&servers.pin[0])
        .args(&servers.pin[1..])
        .args(["wrk", "--threads", "1", "--timeout", "10s"])
        .args(["--connections", &bench.config.connections.to_string()])
        .args(["--duration", &format!("{duration_secs}s")])
        .args(["--header", "Content-Type: application/json"])
        .args(["--script", script])
        .arg(servers.writer.url("/create"))
        .current_dir(&bench.config.scripts)
        .output()?;
    let said = String::from_utf8_lossy(&output.stdout);
    match wrk::parse(&said) {
        Some(seen) if seen.errors == 0 => Ok(seen),
        _ => {
            let complaint = String::from_utf8_lossy(&output.stderr);
            Err(io::Error::other(format!("{script}: {said}{complaint}")))
        }
    }
}
