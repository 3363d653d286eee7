//! What the content of answers came to: what was sent in which coding, and what was spared.

use std::sync::atomic::{AtomicU64, Ordering};

use shared::ContentCoding;

use crate::http::serve::Selected;

const CODINGS: usize = ContentCoding::ALL.len();

/// Since the start, of documents: hits and octets by [`ContentCoding`]'s discriminant, and octets that
/// were not sent. Octets are those of content, without heads; of HEAD there are none.
///
/// Sent and spared together are what it would have been without entity tags and codings.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct ContentCounts {
    /// Answers with 200.
    pub hits: [u64; CODINGS],
    /// Octets answered with.
    pub sent_bytes: [u64; CODINGS],
    /// Octets that 200 would have had where 304 was answered, in the coding that the client takes.
    pub unmodified_bytes: u64,
    /// Octets by which coded answers were shorter than identity.
    pub coded_bytes: u64,
}

/// [`ContentCounts`] of one thread, or of several.
#[derive(Debug, Default)]
pub struct ContentCounters {
    hits: [AtomicU64; CODINGS],
    sent_bytes: [AtomicU64; CODINGS],
    unmodified_bytes: AtomicU64,
    coded_bytes: AtomicU64,
}

impl ContentCounts {
    /// 200.
    #[inline]
    pub(crate) fn document(&mut self, selected: &Selected, is_head: bool) {
        let coding = selected.coding();
        self.hits[coding as usize] += 1;
        if is_head {
            return;
        }
        self.sent_bytes[coding as usize] += len(selected);
        if coding != ContentCoding::Identity {
            self.coded(selected);
        }
    }

    /// 304.
    #[inline]
    pub(crate) fn not_modified(&mut self, selected: &Selected, is_head: bool) {
        if !is_head {
            self.unmodified_bytes += len(selected);
        }
    }

    /// Where a client wants a coding that is longer than identity, nothing was spared. Most documents have
    /// identity alone, so this stands out of their reads' way: ten instructions.
    #[cold]
    fn coded(&mut self, selected: &Selected) {
        let identity = selected.entry().representations().next();
        let identity = identity.map_or(0, |one| one.octets_len() as u64);
        self.coded_bytes += identity.saturating_sub(len(selected));
    }

    fn each(&self) -> impl Iterator<Item = u64> {
        let Self {
            hits,
            sent_bytes,
            unmodified_bytes,
            coded_bytes,
        } = *self;
        let by_coding = hits.into_iter().chain(sent_bytes);
        by_coding.chain([unmodified_bytes, coded_bytes])
    }

    fn each_mut(&mut self) -> impl Iterator<Item = &mut u64> {
        let by_coding = self.hits.iter_mut().chain(&mut self.sent_bytes);
        by_coding.chain([&mut self.unmodified_bytes, &mut self.coded_bytes])
    }
}

impl ContentCounters {
    /// Adds; for threads that share these.
    pub(super) fn add(&self, counts: &ContentCounts) {
        for (counter, count) in self.each().zip(counts.each()) {
            if count > 0 {
                counter.fetch_add(count, Ordering::Relaxed);
            }
        }
    }

    /// Sets every count; for a thread that counts by itself.
    pub(super) fn publish(&self, counts: &ContentCounts) {
        for (counter, count) in self.each().zip(counts.each()) {
            counter.store(count, Ordering::Relaxed);
        }
    }

    pub(super) fn add_to(&self, sum: &mut ContentCounts) {
        for (counter, sum) in self.each().zip(sum.each_mut()) {
            *sum += counter.load(Ordering::Relaxed);
        }
    }

    fn each(&self) -> impl Iterator<Item = &AtomicU64> {
        let by_coding = self.hits.iter().chain(&self.sent_bytes);
        by_coding.chain([&self.unmodified_bytes, &self.coded_bytes])
    }
}

#[inline]
fn len(selected: &Selected) -> u64 {
    selected.content().octets_len() as u64
}
