//! What the committer has done, for metrics.

use std::sync::atomic::{AtomicU64, Ordering};

use telemetry::metrics::DurationHistogram;

/// Counts since the start of the process. Each only rises.
#[derive(Debug, Default)]
pub struct CommitCounters {
    /// Batches committed, including those that changed nothing.
    pub batches: AtomicU64,
    /// Mutations of committed batches.
    pub mutations: AtomicU64,
    /// Changes that committed batches made.
    pub changes: AtomicU64,
    /// Writes not queued, because the queue was full, there was no room for their content, or the
    /// process was ending.
    pub rejected: AtomicU64,
    /// Writes skipped, because their caller had gone before a batch took them.
    pub abandoned: AtomicU64,
    /// Writes that the database refused as such.
    pub refused: AtomicU64,
    /// Writes that failed with the database; nothing was stored.
    pub failed: AtomicU64,
    /// Writes whose outcome is unknown.
    pub unknown: AtomicU64,
    /// Committed changes that found the outbox full or closed.
    pub dropped: AtomicU64,
    /// Writes that had been carried out before: their clients got the receipt.
    pub replayed: AtomicU64,
    /// New epochs begun, because the database's history had broken.
    pub epochs: AtomicU64,
    /// From the begin of a batch until the database has committed it, refused it or failed.
    pub latency: DurationHistogram,
}

impl CommitCounters {
    /// Adds to one of them. Relaxed: nothing is ordered by a counter.
    pub(super) fn add(counter: &AtomicU64, count: usize) {
        counter.fetch_add(u64::try_from(count).unwrap_or(u64::MAX), Ordering::Relaxed);
    }
}
