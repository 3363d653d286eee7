//! What the auditor has found, as counts and as `/status` shows them.

use std::{
    sync::atomic::{AtomicU64, AtomicUsize, Ordering},
    time::Duration,
};

use serde::Serialize;

/// How long after a commit readers are asked for it.
pub const DELAYS: [Duration; 3] = [
    Duration::from_millis(100),
    Duration::from_secs(1),
    Duration::from_secs(5),
];

/// The names of each [`Outcome`], in order.
pub const OUTCOMES: &[&str] = &["consistent", "stale", "unanswered"];

/// What a question came to.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Outcome {
    /// The reader serves the change, or a later one of the same document.
    Consistent,
    /// It serves an earlier state.
    Stale,
    /// It could not be reached in time, or is not ready to tell.
    Unanswered,
}

/// What this process has found as leader since its start.
#[derive(Debug, Default)]
pub struct AuditCounters {
    samples: AtomicU64,
    readers: AtomicUsize,
    /// By delay, then by outcome.
    found: [[AtomicU64; OUTCOMES.len()]; DELAYS.len()],
}

/// What `/status` shows.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct AuditStatus {
    /// Changes sampled.
    pub samples: u64,
    /// Readers that are asked now: those that tell where they are reached.
    pub readers: usize,
    /// By delay, the shortest first.
    pub delays: Vec<DelayStatus>,
}

/// What was found at one delay.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct DelayStatus {
    /// Milliseconds since the commit.
    pub delay_ms: u64,
    /// Questions that came to an end.
    pub asked: u64,
    /// Of these, answered with the change or a later one.
    pub consistent: u64,
    /// Of these, answered with an earlier state.
    pub stale: u64,
    /// Of these, not answered.
    pub unanswered: u64,
    /// How many nines of the answers were consistent: 3 for 99.9 %, rounded down to two digits.
    /// Where none was stale, as many as so few answers can show: those of one stale answer.
    /// `null` before the first answer.
    pub nines: Option<f64>,
}

impl AuditCounters {
    /// How often a question at [`DELAYS`]`[delay]` came to this.
    pub fn found(&self, delay: usize, outcome: Outcome) -> u64 {
        self.found[delay][outcome as usize].load(Ordering::Relaxed)
    }

    /// Changes sampled.
    pub fn samples(&self) -> u64 {
        self.samples.load(Ordering::Relaxed)
    }

    /// All of it.
    pub fn status(&self) -> AuditStatus {
        let delays = DELAYS.iter().enumerate().map(|(index, delay)| {
            let found = |outcome| self.found(index, outcome);
            let (consistent, stale) = (found(Outcome::Consistent), found(Outcome::Stale));
            let unanswered = found(Outcome::Unanswered);
            DelayStatus {
                delay_ms: u64::try_from(delay.as_millis()).unwrap_or(u64::MAX),
                asked: consistent + stale + unanswered,
                consistent,
                stale,
                unanswered,
                nines: nines(consistent, stale),
            }
        });
        AuditStatus {
            samples: self.samples(),
            readers: self.readers.load(Ordering::Relaxed),
            delays: delays.collect(),
        }
    }

    pub(super) fn count(&self, delay: usize, outcome: Outcome) {
        self.found[delay][outcome as usize].fetch_add(1, Ordering::Relaxed);
    }

    pub(super) fn count_sample(&self) {
        self.samples.fetch_add(1, Ordering::Relaxed);
    }

    pub(super) fn tell_readers(&self, readers: usize) {
        self.readers.store(readers, Ordering::Relaxed);
    }
}

/// See [`DelayStatus::nines`].
pub(super) fn nines(consistent: u64, stale: u64) -> Option<f64> {
    let answered = consistent + stale;
    if answered == 0 {
        return None;
    }
    #[expect(
        clippy::cast_precision_loss,
        reason = "counts below 2^53, and two digits of a logarithm"
    )]
    let share = answered as f64 / stale.max(1) as f64;
    Some((share.log10() * 100.0).floor() / 100.0)
}
