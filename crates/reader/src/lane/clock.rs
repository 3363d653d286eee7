//! A lane's time: read once per batch of events, and the Date field once per second.

use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};

/// What time it was when the batch of events began.
#[derive(Debug)]
pub(super) struct Clock {
    now: Instant,
    date_ends: Instant,
}

impl Clock {
    /// At the first [`Self::tick`] a date is due.
    pub(super) fn new() -> Self {
        let now = Instant::now();
        Self {
            now,
            date_ends: now,
        }
    }

    /// When the batch began.
    pub(super) fn now(&self) -> Instant {
        self.now
    }

    /// Reads the clock. Gives a date where the second has changed.
    pub(super) fn tick(&mut self) -> Option<String> {
        self.now = Instant::now();
        if self.now < self.date_ends {
            return None;
        }
        #[expect(
            clippy::disallowed_methods,
            reason = "a response says when it was made (RFC 9110 §6.6.1)"
        )]
        let date = SystemTime::now();
        let since = date.duration_since(UNIX_EPOCH).unwrap_or_default();
        let passed = Duration::from_nanos(since.subsec_nanos().into());
        self.date_ends = self.now + Duration::from_secs(1).saturating_sub(passed);
        Some(httpdate::fmt_http_date(date))
    }
}
