//! Where a run takes place, as its report tells it.

use std::{fs, io, process::Command};

/// A load average up to which a machine counts as quiet. What built the binaries may still be in it.
const QUIET_LOAD_MAX: f64 = 0.7;

/// The machine, without its name.
#[derive(Debug)]
pub(crate) struct Machine {
    pub(crate) processor: String,
    pub(crate) kernel: String,
    /// Processes that ran or wanted to, on average over the last minute before the run.
    pub(crate) load: String,
    /// One line for each program.
    pub(crate) versions: Vec<String>,
}

impl Machine {
    /// # Errors
    /// This is not Linux.
    pub(crate) fn inspect() -> io::Result<Self> {
        let load = fs::read_to_string("/proc/loadavg")?;
        let kernel = fs::read_to_string("/proc/sys/kernel/osrelease")?;
        let versions = [
            ("wrk", "-v"),
            ("nginx", "-v"),
            ("varnishd", "-V"),
            ("haproxy", "-v"),
            ("redis-server", "--version"),
        ];
        Ok(Self {
            processor: processor(&fs::read_to_string("/proc/cpuinfo")?),
            // What follows the dash names a build, which tells nothing here.
            kernel: kernel
                .trim()
                .split('-')
                .next()
                .unwrap_or_default()
                .to_owned(),
            load: load.split(' ').next().unwrap_or_default().to_owned(),
            versions: versions
                .iter()
                .filter_map(|(program, flag)| version(program, flag))
                .collect(),
        })
    }

    /// Whether next to nothing else ran before the run.
    pub(crate) fn is_quiet(&self) -> bool {
        let load: Result<f64, _> = self.load.parse();
        load.is_ok_and(|load| load <= QUIET_LOAD_MAX)
    }
}

/// The first processor's model.
pub(crate) fn processor(cpuinfo: &str) -> String {
    cpuinfo
        .lines()
        .filter_map(|line| line.split_once(':'))
        .find(|(name, _)| name.trim() == "model name")
        .map_or_else(
            || "unknown".to_owned(),
            |(_, model)| model.trim().to_owned(),
        )
}

/// The first line that a program says of itself. `None` where it is not installed.
fn version(program: &str, flag: &str) -> Option<String> {
    let output = Command::new(program).arg(flag).output().ok()?;
    // nginx tells it to standard error.
    let text = [output.stdout, output.stderr].concat();
    let text = String::from_utf8_lossy(&text);
    let line = text.lines().next()?;
    let end = [" Copyright", " - http", " sha="]
        .iter()
        .filter_map(|noise| line.find(noise))
        .min();
    Some(line[..end.unwrap_or(line.len())].to_owned())
}
