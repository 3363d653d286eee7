//! How long requests take inside a lane, cheap enough to stay on.
//!
//! From when the lane learned of a batch of events until an answer was given to the kernel: so the
//! wait behind other connections of the batch is in it, and the wait in the kernel's queues is
//! not. A few requests that are answered in a row share a look at the clock, and two stores.

use std::{
    sync::{
        Arc,
        atomic::{AtomicU64, Ordering::Relaxed},
    },
    time::Duration,
};

/// Buckets by powers of two: up to 1, 2, 4, ... microseconds, the last but one up to about a second.
const BUCKETS: usize = 22;

/// A lane's own counts. Cloning it shares them; one clone writes.
#[derive(Debug, Clone, Default)]
pub(crate) struct LatencyHistogram(Arc<Counts>);

#[derive(Debug, Default)]
#[repr(align(128))]
struct Counts {
    /// The last one is of those above all bounds.
    buckets: [AtomicU64; BUCKETS],
    sum_nanos: AtomicU64,
}

/// What one or several histograms have counted.
#[derive(Debug, Clone, Copy, Default, PartialEq)]
pub(crate) struct LatencyCounts {
    buckets: [u64; BUCKETS],
    sum_nanos: u64,
}

impl LatencyHistogram {
    /// Counts requests that took so long each.
    pub(crate) fn record(&self, took: Duration, requests: u64) {
        let nanos = u64::try_from(took.as_nanos()).unwrap_or(u64::MAX);
        raise(&self.0.buckets[bucket(nanos)], requests);
        raise(&self.0.sum_nanos, nanos.saturating_mul(requests));
    }

    /// The counts of several lanes together. Each number is right on its own; together they are
    /// not of one instant.
    pub(crate) fn sum<'a>(lanes: impl IntoIterator<Item = &'a Self>) -> LatencyCounts {
        let mut sum = LatencyCounts::default();
        for lane in lanes {
            for (total, one) in sum.buckets.iter_mut().zip(&lane.0.buckets) {
                *total += one.load(Relaxed);
            }
            sum.sum_nanos = sum.sum_nanos.wrapping_add(lane.0.sum_nanos.load(Relaxed));
        }
        sum
    }
}

impl LatencyCounts {
    /// Upper bounds in seconds, the last one infinite, with the requests of each bucket.
    pub(crate) fn buckets(&self) -> impl Iterator<Item = (f64, u64)> {
        let bounds = (0..BUCKETS - 1).map(|index| f64::from(1 << index) / 1e6);
        bounds.chain([f64::INFINITY]).zip(self.buckets)
    }

    /// All of them together, in seconds.
    #[expect(
        clippy::cast_precision_loss,
        reason = "a sum of years is not exact to the nanosecond"
    )]
    pub(crate) fn sum_seconds(&self) -> f64 {
        self.sum_nanos as f64 / 1e9
    }
}

/// The bucket of a duration: the first whose bound it does not pass.
fn bucket(nanos: u64) -> usize {
    let micros = nanos.div_ceil(1000).max(1);
    let index = u64::BITS - (micros - 1).leading_zeros();
    (index as usize).min(BUCKETS - 1)
}

/// One writer, so a load and a store do, without a locked instruction.
fn raise(count: &AtomicU64, by: u64) {
    count.store(count.load(Relaxed).wrapping_add(by), Relaxed);
}
