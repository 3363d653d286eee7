//! What is logged of batches that fail: while the database is away, each does.

#[cfg(test)]
mod tests;

use std::time::{Duration, Instant};

use telemetry::{Throttle, chain};

use crate::store::StoreError;

/// Between two lines about failures alike, at least. Metrics count each.
pub(crate) const FAILURES_INTERVAL: Duration = Duration::from_secs(5);

/// The failures of one commit loop.
#[derive(Debug)]
pub(super) struct Failures {
    /// The database is away or unfit.
    unavailable: Throttle,
    /// The database refuses a document, and takes others meanwhile.
    refused: Throttle,
}

impl Default for Failures {
    fn default() -> Self {
        Self {
            unavailable: Throttle::new(FAILURES_INTERVAL),
            refused: Throttle::new(FAILURES_INTERVAL),
        }
    }
}

impl Failures {
    /// A batch of so many mutations was not committed. Logs the first one and then some.
    pub(super) fn note(&self, error: &StoreError, mutations: usize) {
        let throttle = match error {
            StoreError::Refused(_) => &self.refused,
            _ => &self.unavailable,
        };
        if let Some(unlogged) = throttle.admit(Instant::now()) {
            let error = chain(error);
            tracing::error!(%error, mutations, unlogged, "a batch was not committed");
        }
    }

    /// A batch was committed. Logs it where it is the first after failures.
    pub(super) fn note_success(&self) {
        if let Some(unlogged) = self.unavailable.reset() {
            tracing::info!(unlogged, "batches are committed again");
        }
    }
}
