//! A server and the processes that it starts, as PostgreSQL has one for each session.

use std::{fs, io, process::Command};

/// What the kernel's accounts count in: a hundredth of a second on every Linux (`USER_HZ`).
const TICK_NANOS: u64 = 10_000_000;

/// Processor time that a process, its children and those of them that have ended have used, in
/// nanoseconds. Exact to a hundredth of a second for each child.
///
/// # Errors
/// There is no such process.
pub(crate) fn used_nanos(pid: u32) -> io::Result<u64> {
    let own = stat(pid)?.ticks_with_ended;
    // One that ends meanwhile is counted, if at all, by its parent the next time.
    let children = children(pid)?
        .into_iter()
        .filter_map(|child| stat(child).ok());
    let ticks = own + children.map(|child| child.ticks).sum::<u64>();
    Ok(ticks * TICK_NANOS)
}

/// Lets a process and its children run on these cores.
///
/// # Errors
/// `taskset` is not there or refuses.
pub(crate) fn pin(pid: u32, cores: &str) -> io::Result<()> {
    for one in children(pid)?.into_iter().chain([pid]) {
        let output = Command::new("taskset")
            .args(["-a", "-p", "-c", cores, &one.to_string()])
            .output()?;
        // A child may have ended.
        if !output.status.success() && one == pid {
            let said = String::from_utf8_lossy(&output.stderr);
            return Err(io::Error::other(format!("taskset: {said}")));
        }
    }
    Ok(())
}

fn children(pid: u32) -> io::Result<Vec<u32>> {
    let mut children = Vec::new();
    for entry in fs::read_dir("/proc")? {
        let name = entry?.file_name();
        let Some(child) = name.to_str().and_then(|name| name.parse().ok()) else {
            continue;
        };
        if stat(child).is_ok_and(|stat| stat.parent == pid) {
            children.push(child);
        }
    }
    Ok(children)
}

/// Some of `/proc/PID/stat`; see proc(5).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Stat {
    pub(crate) parent: u32,
    pub(crate) ticks: u64,
    /// With the time of children that have ended and were waited for.
    pub(crate) ticks_with_ended: u64,
}

fn stat(pid: u32) -> io::Result<Stat> {
    let stat = fs::read_to_string(format!("/proc/{pid}/stat"))?;
    parse(&stat).ok_or_else(|| io::Error::other(format!("/proc/{pid}/stat: {stat}")))
}

/// ppid is field 4; utime, stime, cutime and cstime are 14 to 17.
pub(crate) fn parse(stat: &str) -> Option<Stat> {
    // The command's name, in parentheses, may hold anything; what follows it begins with field 3.
    let (_, fields) = stat.rsplit_once(')')?;
    let fields: Vec<&str> = fields.split_ascii_whitespace().collect();
    let number = |field: usize| fields.get(field - 3)?.parse::<u64>().ok();
    let ticks = number(14)? + number(15)?;
    Some(Stat {
        parent: u32::try_from(number(4)?).ok()?,
        ticks,
        ticks_with_ended: ticks + number(16)? + number(17)?,
    })
}
