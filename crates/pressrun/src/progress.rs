//! What people see on standard error while documents move.

use std::{
    error::Error,
    fmt,
    io::{self, IsTerminal, Write},
    process::ExitCode,
    time::{Duration, Instant},
};

use indicatif::{ProgressBar, ProgressStyle};

/// The exit status where some lines failed.
pub(crate) const SOME_FAILED: u8 = 1;

/// The exit status where a reader differs from the database.
pub(crate) const DIFFERS: u8 = 1;

/// The exit status where the command could not go on.
pub(crate) const STOPPED: u8 = 2;

/// How often there is a line where no bar can be drawn.
const LINE_EVERY: Duration = Duration::from_secs(5);

/// How often the bar moves by itself.
const TICK: Duration = Duration::from_millis(200);

/// A bar on a terminal, else a line now and then.
#[derive(Debug)]
pub(crate) struct Progress {
    bar: Option<ProgressBar>,
    began: Instant,
    said: Instant,
    /// What was done before this process.
    count_before: u64,
}

impl Progress {
    /// Of `bytes`, where that is known, `bytes_before` and `count_before` were done before.
    pub(crate) fn start(bytes: Option<u64>, bytes_before: u64, count_before: u64) -> Self {
        let bar = io::stderr().is_terminal().then(|| match bytes {
            Some(bytes) => ProgressBar::new(bytes)
                .with_style(style("{bar:30} {percent}% {msg}, {eta} left"))
                .with_position(bytes_before),
            None => ProgressBar::new_spinner().with_style(style("{spinner} {msg}")),
        });
        if let Some(bar) = &bar {
            bar.reset_eta();
            bar.enable_steady_tick(TICK);
        }
        let now = Instant::now();
        Self {
            bar,
            began: now,
            said: now,
            count_before,
        }
    }

    /// So much of the input is done, and so many lines or documents; `more` is added to what is
    /// shown.
    pub(crate) fn update(&mut self, bytes: u64, count: u64, more: &str) {
        let rate = self.rate(count);
        if let Some(bar) = &self.bar {
            bar.set_position(bytes);
            bar.set_message(format!("{count} ({rate}/s){more}"));
        } else if self.said.elapsed() >= LINE_EVERY {
            self.said = Instant::now();
            say(format_args!("{count} so far ({rate}/s){more}"));
        }
    }

    /// Says something amid the progress.
    pub(crate) fn say(&self, text: fmt::Arguments<'_>) {
        match &self.bar {
            Some(bar) => bar.suspend(|| say(text)),
            None => say(text),
        }
    }

    /// Takes the bar away and gives how long it took and the rate per second.
    pub(crate) fn finish(&self, count: u64) -> String {
        if let Some(bar) = &self.bar {
            bar.finish_and_clear();
        }
        let seconds = self.began.elapsed().as_secs_f64();
        format!("in {seconds:.1} s ({}/s)", self.rate(count))
    }

    fn rate(&self, count: u64) -> u128 {
        let done = u128::from(count.saturating_sub(self.count_before));
        done * 1000 / self.began.elapsed().as_millis().max(1)
    }
}

fn style(template: &str) -> ProgressStyle {
    // The templates are constants; a wrong one shows as the plain bar.
    ProgressStyle::with_template(template).unwrap_or_else(|_wrong| ProgressStyle::default_bar())
}

/// Writes a line to standard error.
pub(crate) fn say(text: fmt::Arguments<'_>) {
    // Nobody is left to tell where that cannot be written.
    drop(writeln!(io::stderr(), "{text}"));
}

/// Writes a line to standard output: what the command was asked for.
pub(crate) fn print(text: fmt::Arguments<'_>) {
    // As for standard error.
    drop(writeln!(io::stdout(), "{text}"));
}

/// Says why the command could not go on, with every cause, and gives the exit status.
pub(crate) fn report_failure(error: &dyn Error) -> ExitCode {
    let mut text = error.to_string();
    let mut cause = error.source();
    while let Some(next) = cause {
        text = format!("{text}: {next}");
        cause = next.source();
    }
    say(format_args!("pressrun: {text}"));
    ExitCode::from(STOPPED)
}
