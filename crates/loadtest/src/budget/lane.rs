//! The thread of a reader that answers.

use std::fs;

use service::process::BoxError;

/// Its name, in a reader with one of them.
const NAME: &str = "lane-0";

/// Where it is.
#[derive(Debug, Clone, Copy)]
pub(super) struct Lane {
    /// The kernel's number.
    pub(super) id: u32,
    /// How many threads of the process began before it. A reader's threads stay, so that is also
    /// how valgrind counts them.
    pub(super) nth: usize,
}

/// # Errors
/// The process has no such thread.
pub(super) fn find(pid: u32) -> Result<Lane, BoxError> {
    let mut threads = Vec::new();
    for thread in fs::read_dir(format!("/proc/{pid}/task"))? {
        let thread = thread?;
        let id: u32 = thread.file_name().to_string_lossy().parse()?;
        let name = fs::read_to_string(thread.path().join("comm"))?;
        threads.push((id, name));
    }
    threads.sort_unstable();
    let nth = threads.iter().position(|(_, name)| name.trim() == NAME);
    let nth = nth.ok_or_else(|| format!("the reader has no thread {NAME}"))?;
    let id = threads[nth].0;
    Ok(Lane { id, nth })
}
