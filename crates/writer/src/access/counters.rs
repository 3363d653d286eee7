//! What became of requests to write, for metrics.

use std::sync::atomic::{AtomicU64, Ordering};

/// Counts since the start of the process. Each only rises.
#[derive(Debug, Default)]
pub struct AccessCounters {
    /// Requests with a token whose scopes cover what they asked for.
    pub granted: AtomicU64,
    /// Requests without a bearer token.
    pub missing: AtomicU64,
    /// Requests with more than one Authorization field, or one that is not well formed.
    pub malformed: AtomicU64,
    /// Requests with a token that no line of the file has.
    pub unknown: AtomicU64,
    /// Requests with a token that may not write there.
    pub out_of_scope: AtomicU64,
    /// Changed files that were taken.
    pub reloads: AtomicU64,
    /// Changed files that could not be used; the tokens before them stay.
    pub reloads_failed: AtomicU64,
}

impl AccessCounters {
    /// Relaxed: nothing is ordered by a counter.
    pub(crate) fn count(counter: &AtomicU64) {
        counter.fetch_add(1, Ordering::Relaxed);
    }
}
