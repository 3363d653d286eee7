//! Counts of reads, cheap enough for every read.

mod content;

pub use content::{ContentCounters, ContentCounts};

use std::sync::atomic::{AtomicU64, Ordering};

/// How a read ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum ReadOutcome {
    /// 200.
    Hit,
    /// 304.
    NotModified,
    /// 404: there is no such document.
    Absent,
    /// 503: the catalog is not ready.
    NotReady,
    /// 503: the document is not in memory, and could not be fetched.
    Unfetched,
    /// 503: the position asked for was not reached in time.
    Behind,
    /// 409: the epoch of the position asked for has ended.
    EpochEnded,
    /// Any other 4xx: no such route, wrong method, malformed or too long.
    BadRequest,
}

/// Counts of one serving thread. Each thread has its own, on cache lines of its own, so that
/// counting never waits for another processor; the admin plane adds them up.
#[derive(Debug, Default)]
#[repr(align(128))]
pub struct ReadCounters {
    hit: AtomicU64,
    not_modified: AtomicU64,
    absent: AtomicU64,
    not_ready: AtomicU64,
    unfetched: AtomicU64,
    behind: AtomicU64,
    epoch_ended: AtomicU64,
    bad_request: AtomicU64,
    content: ContentCounters,
}

/// Reads since the start, by outcome.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct ReadCounts {
    /// See [`ReadOutcome::Hit`].
    pub hit: u64,
    /// See [`ReadOutcome::NotModified`].
    pub not_modified: u64,
    /// See [`ReadOutcome::Absent`].
    pub absent: u64,
    /// See [`ReadOutcome::NotReady`].
    pub not_ready: u64,
    /// See [`ReadOutcome::Unfetched`].
    pub unfetched: u64,
    /// See [`ReadOutcome::Behind`].
    pub behind: u64,
    /// See [`ReadOutcome::EpochEnded`].
    pub epoch_ended: u64,
    /// See [`ReadOutcome::BadRequest`].
    pub bad_request: u64,
    /// What hits and 304 came to.
    pub content: ContentCounts,
}

impl ReadCounters {
    /// Counts one read.
    pub fn add(&self, outcome: ReadOutcome) {
        let counter = match outcome {
            ReadOutcome::Hit => &self.hit,
            ReadOutcome::NotModified => &self.not_modified,
            ReadOutcome::Absent => &self.absent,
            ReadOutcome::NotReady => &self.not_ready,
            ReadOutcome::Unfetched => &self.unfetched,
            ReadOutcome::Behind => &self.behind,
            ReadOutcome::EpochEnded => &self.epoch_ended,
            ReadOutcome::BadRequest => &self.bad_request,
        };
        counter.fetch_add(1, Ordering::Relaxed);
    }

    /// Adds what the content of reads came to.
    pub(crate) fn add_content(&self, content: &ContentCounts) {
        self.content.add(content);
    }

    /// Sets every count. For a thread that counts by itself, and alone uses this.
    pub fn publish(&self, counts: &ReadCounts) {
        let all = [
            (&self.hit, counts.hit),
            (&self.not_modified, counts.not_modified),
            (&self.absent, counts.absent),
            (&self.not_ready, counts.not_ready),
            (&self.unfetched, counts.unfetched),
            (&self.behind, counts.behind),
            (&self.epoch_ended, counts.epoch_ended),
            (&self.bad_request, counts.bad_request),
        ];
        for (counter, count) in all {
            counter.store(count, Ordering::Relaxed);
        }
        self.content.publish(&counts.content);
    }

    /// The counts of several threads together. Each number is right on its own; together they
    /// are not of one instant.
    pub fn sum<'a>(threads: impl IntoIterator<Item = &'a Self>) -> ReadCounts {
        let mut sum = ReadCounts::default();
        for one in threads {
            sum.hit += one.hit.load(Ordering::Relaxed);
            sum.not_modified += one.not_modified.load(Ordering::Relaxed);
            sum.absent += one.absent.load(Ordering::Relaxed);
            sum.not_ready += one.not_ready.load(Ordering::Relaxed);
            sum.unfetched += one.unfetched.load(Ordering::Relaxed);
            sum.behind += one.behind.load(Ordering::Relaxed);
            sum.epoch_ended += one.epoch_ended.load(Ordering::Relaxed);
            sum.bad_request += one.bad_request.load(Ordering::Relaxed);
            one.content.add_to(&mut sum.content);
        }
        sum
    }
}
