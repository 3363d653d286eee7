//! Sorted durations.

use std::time::Duration;

/// Durations, from which quantiles are read.
#[derive(Debug)]
pub(super) struct Distribution(Vec<Duration>);

impl Distribution {
    pub(super) fn of(mut durations: Vec<Duration>) -> Self {
        durations.sort_unstable();
        Self(durations)
    }

    /// The duration that this percentage of all do not pass; none of none.
    pub(super) fn percentile(&self, percent: usize) -> Duration {
        let rank = (self.0.len() * percent).div_ceil(100);
        let at = rank.saturating_sub(1);
        self.0.get(at).copied().unwrap_or_default()
    }
}

/// In milliseconds, as people read them.
pub(super) fn ms(duration: Duration) -> String {
    format!("{:.2} ms", duration.as_secs_f64() * 1000.0)
}

/// How many a second.
pub(super) fn rate(count: u64, duration: Duration) -> String {
    let whole = u128::from(count) * 1_000_000_000 / duration.as_nanos().max(1);
    format!("{whole}/s")
}

/// How many times `b` goes into `a`.
pub(super) fn ratio(a: Duration, b: Duration) -> String {
    format!("{:.2}", a.as_secs_f64() / b.as_secs_f64())
}
