//! Processors: which there are, what runs where, and what a process has used of them.

use std::{fs, io, process::Command};

/// What the kernel's accounts count in: a hundredth of a second on every Linux (`USER_HZ`).
const TICK_NANOS: u64 = 10_000_000;

/// The cores that this process may use: the first is the servers', the last is wrk's.
#[derive(Debug)]
pub(crate) struct Cores(Vec<u32>);

impl Cores {
    /// # Errors
    /// There are fewer than two: client and server would measure each other.
    pub(crate) fn allowed() -> io::Result<Self> {
        let status = fs::read_to_string("/proc/self/status")?;
        let list = status
            .lines()
            .find_map(|line| line.strip_prefix("Cpus_allowed_list:"));
        let cores = list.map(parse_list).unwrap_or_default();
        if cores.len() < 2 {
            return Err(io::Error::other("this needs two cores"));
        }
        Ok(Self(cores))
    }

    pub(crate) fn count(&self) -> usize {
        self.0.len()
    }

    /// The beginning of a command that runs on the servers' core alone.
    pub(crate) fn on_server(&self) -> [String; 3] {
        on(self.0[0])
    }

    /// The beginning of a command that runs on the client's core alone.
    pub(crate) fn on_client(&self) -> [String; 3] {
        on(self.0[self.0.len() - 1])
    }

    /// Keeps this process, and what it starts from now on, off the servers' core.
    ///
    /// # Errors
    /// `taskset` is not there or refuses.
    pub(crate) fn leave_server_core(&self) -> io::Result<()> {
        run_on(&self.0[1..])
    }

    /// Lets this process, and what it starts from now on, use every core.
    ///
    /// # Errors
    /// As [`Self::leave_server_core`].
    pub(crate) fn use_all(&self) -> io::Result<()> {
        run_on(&self.0)
    }
}

fn run_on(cores: &[u32]) -> io::Result<()> {
    let list: Vec<String> = cores.iter().map(u32::to_string).collect();
    let output = Command::new("taskset")
        .args(["-p", "-c", &list.join(",")])
        .arg(std::process::id().to_string())
        .output()?;
    if output.status.success() {
        Ok(())
    } else {
        let said = String::from_utf8_lossy(&output.stderr);
        Err(io::Error::other(format!("taskset: {said}")))
    }
}

fn on(core: u32) -> [String; 3] {
    ["taskset".to_owned(), "-c".to_owned(), core.to_string()]
}

/// `0-2,5` is 0, 1, 2 and 5.
pub(crate) fn parse_list(list: &str) -> Vec<u32> {
    let ranges = list.trim().split(',').filter_map(|range| {
        let (first, last) = range.split_once('-').unwrap_or((range, range));
        Some(first.parse().ok()?..=last.parse().ok()?)
    });
    ranges.flatten().collect()
}

/// Processor time that a process and its children have used since their start, by threads that
/// still run, user and system, in nanoseconds: the scheduler's own account. What the kernel did for
/// the network while one of them ran is in it, whoever it was for.
///
/// # Errors
/// There is no such process, or the kernel keeps no such account.
pub(crate) fn used_nanos(pid: u32) -> io::Result<u64> {
    let mut used = 0;
    for thread in fs::read_dir(format!("/proc/{pid}/task"))? {
        let thread = thread?.path();
        let account = fs::read_to_string(thread.join("schedstat"))?;
        used += parse_schedstat(&account)
            .ok_or_else(|| io::Error::other(format!("{}: {account}", thread.display())))?;
        let children = fs::read_to_string(thread.join("children"))?;
        for child in children.split_ascii_whitespace() {
            used += used_nanos(child.parse().map_err(io::Error::other)?)?;
        }
    }
    Ok(used)
}

/// The first of three numbers; see the kernel's `sched-stats.rst`.
pub(crate) fn parse_schedstat(account: &str) -> Option<u64> {
    account.split_ascii_whitespace().next()?.parse().ok()
}

/// Processor time of the children of this process that have ended and were waited for, in
/// nanoseconds. Exact to a hundredth of a second.
///
/// # Errors
/// This is not Linux.
pub(crate) fn ended_children_nanos() -> io::Result<u64> {
    let stat = fs::read_to_string("/proc/self/stat")?;
    let ticks = parse_ended_children(&stat);
    ticks
        .map(|ticks| ticks * TICK_NANOS)
        .ok_or_else(|| io::Error::other(format!("/proc/self/stat: {stat}")))
}

/// cutime and cstime, fields 16 and 17; see proc(5).
pub(crate) fn parse_ended_children(stat: &str) -> Option<u64> {
    // The command's name, in parentheses, may hold anything; what follows it begins with field 3.
    let (_, fields) = stat.rsplit_once(')')?;
    let mut fields = fields.split_ascii_whitespace().skip(16 - 3);
    let user: u64 = fields.next()?.parse().ok()?;
    let system: u64 = fields.next()?.parse().ok()?;
    Some(user + system)
}
