//! Why a program ends before it began.

use std::{
    fmt,
    io::{self, Write},
    process::ExitCode,
};

/// The exit status for configuration that cannot be used (`EX_USAGE` of sysexits.h).
const USAGE: u8 = 64;

/// The program is to end at once: help was asked for, or the configuration cannot be used.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ConfigExit {
    text: String,
    code: u8,
}

impl ConfigExit {
    /// Help or version: to standard output, status 0.
    pub(super) fn information(text: String) -> Self {
        Self { text, code: 0 }
    }

    /// Problems, one a line: to standard error, status 64.
    pub(crate) fn usage(text: String) -> Self {
        Self { text, code: USAGE }
    }

    /// The exit status: 0 for help and version, 64 for problems.
    pub fn code(&self) -> u8 {
        self.code
    }

    /// What people should read. Never has the value of a secret setting.
    pub fn text(&self) -> &str {
        &self.text
    }

    /// Writes the text to where it belongs and gives the exit status.
    pub fn report(&self) -> ExitCode {
        let text = self.text.trim_end();
        let written = if self.code == 0 {
            writeln!(io::stdout(), "{text}")
        } else {
            writeln!(io::stderr(), "{text}")
        };
        // Nobody is left to tell where even that cannot be written.
        drop(written);
        ExitCode::from(self.code)
    }
}

/// What a command line that clap has parsed ends in: help and version are answers, the rest are
/// problems.
impl From<&clap::Error> for ConfigExit {
    fn from(error: &clap::Error) -> Self {
        let text = error.render().to_string();
        if error.use_stderr() {
            Self::usage(text)
        } else {
            Self::information(text)
        }
    }
}

impl fmt::Display for ConfigExit {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.text)
    }
}

impl std::error::Error for ConfigExit {}
