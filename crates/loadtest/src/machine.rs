//! Where a run takes place, as its report tells it.

use std::{fs, io, process::Command, time::Duration};

/// Percent of all processor time up to which a machine counts as quiet.
const QUIET_BUSY_MAX: u64 = 5;

/// How long the processors are watched. A load average would tell of the build before the run as well.
const WATCHED: Duration = Duration::from_secs(2);

/// The machine, without its name.
#[derive(Debug)]
pub(crate) struct Machine {
    pub(crate) processor: String,
    pub(crate) kernel: String,
    /// Percent of the time of all processors that others used just before the run.
    pub(crate) busy: u64,
    /// One line for each program.
    pub(crate) versions: Vec<String>,
}

impl Machine {
    /// Watches the processors for a moment.
    ///
    /// # Errors
    /// This is not Linux.
    pub(crate) async fn inspect() -> io::Result<Self> {
        let before = fs::read_to_string("/proc/stat")?;
        tokio::time::sleep(WATCHED).await;
        let after = fs::read_to_string("/proc/stat")?;
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
            busy: busy_percent(&before, &after)
                .ok_or_else(|| io::Error::other("/proc/stat tells nothing of the processors"))?,
            versions: versions
                .iter()
                .filter_map(|(program, flag)| version(program, flag))
                .collect(),
        })
    }

    /// Whether next to nothing else ran before the run.
    pub(crate) fn is_quiet(&self) -> bool {
        self.busy <= QUIET_BUSY_MAX
    }
}

/// Percent of the time between two readings of `/proc/stat` in which processors were not idle, rounded
/// up. Fields 4 and 5 are what they idled and waited for a disk (`proc_stat(5)`); what a hypervisor
/// took counts as used.
pub(crate) fn busy_percent(before: &str, after: &str) -> Option<u64> {
    let (idle_before, all_before) = idle_and_all(before)?;
    let (idle_after, all_after) = idle_and_all(after)?;
    let all = all_after.checked_sub(all_before)?;
    let idle = idle_after.checked_sub(idle_before)?;
    (all > 0).then(|| (all.saturating_sub(idle) * 100).div_ceil(all))
}

/// The times of all processors together, without those of guests, which user time contains.
fn idle_and_all(stat: &str) -> Option<(u64, u64)> {
    let line = stat.lines().find_map(|line| line.strip_prefix("cpu "))?;
    let times: Result<Vec<u64>, _> = line.split_whitespace().take(8).map(str::parse).collect();
    let times = times.ok()?;
    Some((times.get(3)? + times.get(4)?, times.iter().sum()))
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
