//! A wall clock that jumps, for single processes: libfaketime before the system's own.
//!
//! Monotonic clocks stay as they are, as they do when an operator or a time server sets a clock.

use std::{
    ffi::OsString,
    fs,
    path::{Path, PathBuf},
    time::Duration,
};

/// What libfaketime reads: how far the wall clock is off.
#[derive(Debug, Clone)]
pub struct Clock {
    library: PathBuf,
    file: PathBuf,
}

impl Clock {
    /// A clock that is right, kept in this file.
    ///
    /// # Panics
    /// libfaketime is not installed, or the file cannot be written.
    pub fn in_file(file: PathBuf) -> Self {
        let clock = Self {
            library: library(),
            file,
        };
        clock.set("+0");
        clock
    }

    /// From now on it is so far ahead.
    ///
    /// # Panics
    /// The file cannot be written.
    pub fn jump_ahead(&self, by: Duration) {
        self.set(&format!("+{}", by.as_secs()));
    }

    /// From now on it is so far behind.
    ///
    /// # Panics
    /// The file cannot be written.
    pub fn fall_behind(&self, by: Duration) {
        self.set(&format!("-{}", by.as_secs()));
    }

    /// A command and what it is to be started by, so that it goes by this clock.
    pub fn before(&self) -> Vec<OsString> {
        let variable = |name: &str, value: &Path| {
            let mut text = OsString::from(name);
            text.push("=");
            text.push(value);
            text
        };
        vec![
            "env".into(),
            variable("LD_PRELOAD", &self.library),
            variable("FAKETIME_TIMESTAMP_FILE", &self.file),
            "FAKETIME_NO_CACHE=1".into(),
            "FAKETIME_DONT_FAKE_MONOTONIC=1".into(),
        ]
    }

    /// Renamed into place, because processes read it all the time.
    fn set(&self, offset: &str) {
        let new = self.file.with_extension("new");
        fs::write(&new, offset).expect("the clock's file can be written");
        fs::rename(&new, &self.file).expect("the clock's file can be replaced");
    }
}

fn library() -> PathBuf {
    let directories = fs::read_dir("/usr/lib").into_iter().flatten().flatten();
    let candidates = directories.map(|it| it.path().join("faketime/libfaketimeMT.so.1"));
    candidates
        .into_iter()
        .find(|candidate| candidate.is_file())
        .expect("libfaketime is not installed: scripts/install-test-servers")
}
