//! strace: how often the thread that answers asks the kernel for what.

use std::{
    collections::BTreeMap,
    fmt, fs,
    path::{Path, PathBuf},
    process::{Child, Command, Stdio},
};

use service::process::BoxError;
use testkit::eventually;

use super::lane;

/// A running count.
#[derive(Debug)]
pub(crate) struct Trace {
    strace: Child,
    out: PathBuf,
}

/// Calls by name.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct Calls(pub(crate) BTreeMap<String, u64>);

/// Begins to count.
///
/// # Errors
/// strace is not installed, or may not.
pub(crate) async fn attach(pid: u32, out: &Path) -> Result<Trace, BoxError> {
    let thread = lane::find(pid)?.id.to_string();
    let strace = Command::new("strace")
        .args(["-c", "-U", "calls,name", "-p", &thread])
        .arg("-o")
        .arg(out)
        .stdin(Stdio::null())
        .stderr(Stdio::null())
        .spawn()?;
    let status = format!("/proc/{pid}/task/{thread}/status");
    eventually("strace has attached", async || {
        let status = fs::read_to_string(&status).ok()?;
        let tracer = status
            .lines()
            .find_map(|line| line.strip_prefix("TracerPid:"))?;
        (tracer.trim() != "0").then_some(())
    })
    .await;
    Ok(Trace {
        strace,
        out: out.to_owned(),
    })
}

impl Trace {
    /// Ends the count.
    ///
    /// # Errors
    /// strace says nothing that can be read.
    pub(crate) async fn end(mut self) -> Result<Calls, BoxError> {
        // It lets go of the thread and writes its table.
        let pid = self.strace.id().to_string();
        Command::new("kill").args(["-INT", &pid]).status()?;
        tokio::task::spawn_blocking(move || self.strace.wait()).await??;
        let table = fs::read_to_string(&self.out)?;
        parse(&table).ok_or_else(|| format!("strace said: {table}").into())
    }
}

impl Calls {
    /// How many of those whose names are meant.
    pub(crate) fn count(&self, is_meant: impl Fn(&str) -> bool) -> u64 {
        let meant = self.0.iter().filter(|(name, _)| is_meant(name));
        meant.map(|(_, calls)| calls).sum()
    }
}

/// Whether a call waits for many connections at once, so that requests share it.
pub(crate) fn is_wait(name: &str) -> bool {
    name.starts_with("epoll_")
}

/// Lines of a count and a name.
pub(crate) fn parse(table: &str) -> Option<Calls> {
    let mut calls = BTreeMap::new();
    for line in table.lines() {
        let mut words = line.split_ascii_whitespace();
        let (Some(count), Some(name), None) = (words.next(), words.next(), words.next()) else {
            continue;
        };
        if let Ok(count) = count.parse()
            && name != "total"
        {
            calls.insert(name.to_owned(), count);
        }
    }
    (!calls.is_empty()).then_some(Calls(calls))
}

impl fmt::Display for Calls {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let calls = self.0.iter().map(|(name, count)| format!("{name} {count}"));
        f.write_str(&calls.collect::<Vec<_>>().join(", "))
    }
}
