//! callgrind: every instruction of user code, by thread, and every call by name.

use std::{collections::BTreeMap, fs, io, path::Path, process::Command};

use service::process::BoxError;

use crate::stand::find;

/// Functions that allocate, of the C library and of allocators that take its place.
const ALLOCATING: &[&str] = &[
    "malloc",
    "calloc",
    "realloc",
    "memalign",
    "posix_memalign",
    "aligned_alloc",
    "mi_malloc",
    "mi_malloc_aligned",
    "mi_calloc",
    "mi_zalloc",
    "mi_zalloc_aligned",
    "mi_realloc",
    "mi_realloc_aligned",
    "_rjem_malloc",
    "_rjem_mallocx",
    "_rjem_calloc",
    "_rjem_realloc",
    "_rjem_rallocx",
];

/// What one thread did between two dumps.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub(crate) struct Thread {
    pub(crate) instructions: u64,
    pub(crate) allocations: u64,
}

/// What each thread did between two dumps, in the order in which they began.
#[derive(Debug)]
pub(crate) struct Dump(BTreeMap<usize, Thread>);

impl Dump {
    /// What the `nth` thread did, counted from 0.
    ///
    /// # Errors
    /// It did nothing at all.
    pub(crate) fn thread(&self, nth: usize) -> Result<Thread, BoxError> {
        let thread = self.0.get(&(nth + 1)).copied();
        thread.ok_or_else(|| format!("thread {nth} did nothing").into())
    }

    pub(crate) fn allocations(&self) -> u64 {
        self.0.values().map(|thread| thread.allocations).sum()
    }
}

/// The beginning of a command that runs under callgrind, which writes to files whose names begin
/// with `out`.
///
/// # Errors
/// valgrind is not installed.
pub(crate) fn command(out: &Path) -> Result<Vec<String>, BoxError> {
    let valgrind = find("valgrind").ok_or("valgrind is not installed: loadtest/budget does it")?;
    Ok(vec![
        valgrind,
        "--quiet".to_owned(),
        "--tool=callgrind".to_owned(),
        "--separate-threads=yes".to_owned(),
        "--compress-strings=no".to_owned(),
        format!("--callgrind-out-file={}", out.display()),
    ])
}

/// Has all counts written down, read, and set to nought.
///
/// # Errors
/// The process is gone or writes nothing that can be read.
pub(crate) fn dump(pid: u32, out: &Path) -> Result<Dump, BoxError> {
    let said = Command::new("callgrind_control")
        .args(["--dump", &pid.to_string()])
        .output()?;
    if !said.status.success() {
        let complaint = String::from_utf8_lossy(&said.stderr);
        return Err(format!("callgrind_control: {complaint}").into());
    }
    let threads = taken(out)?
        .iter()
        .map(|text| parse(text))
        .collect::<Option<BTreeMap<_, _>>>()
        .ok_or("callgrind writes no totals")?;
    if threads.is_empty() {
        return Err("callgrind wrote no counts".into());
    }
    Ok(Dump(threads))
}

/// The files that were written since the last time, removed.
fn taken(out: &Path) -> io::Result<Vec<String>> {
    // `callgrind.2-03` is the second dump's third thread.
    let name = out.file_name().unwrap_or_default().to_string_lossy();
    let name = format!("{name}.");
    let mut texts = Vec::new();
    for file in fs::read_dir(out.parent().unwrap_or(out))? {
        let path = file?.path();
        let is_count = path
            .file_name()
            .is_some_and(|file| file.to_string_lossy().starts_with(&name));
        if is_count {
            texts.push(fs::read_to_string(&path)?);
            fs::remove_file(&path)?;
        }
    }
    Ok(texts)
}

/// One thread's file: its number, from 1, and what it did; see "Callgrind Format Specification" in valgrind's manual.
pub(crate) fn parse(text: &str) -> Option<(usize, Thread)> {
    let mut thread = Thread::default();
    let mut number = None;
    let mut called = "";
    let mut totals = None;
    for line in text.lines() {
        if let Some(name) = line.strip_prefix("cfn=") {
            called = name;
        } else if let Some(calls) = line.strip_prefix("calls=") {
            if ALLOCATING.contains(&called) {
                let count = calls.split(' ').next()?;
                thread.allocations += count.parse::<u64>().ok()?;
            }
        } else if let Some(nth) = line.strip_prefix("thread: ") {
            number = nth.trim().parse().ok();
        } else if let Some(total) = line.strip_prefix("totals: ") {
            totals = total.trim().parse().ok();
        }
    }
    thread.instructions = totals?;
    Some((number?, thread))
}
