//! The catalog: what is held, and what is fetched because it is not.

use std::sync::{Arc, atomic::Ordering};

use telemetry::{Metrics, metrics::Unit};
use tokio::time::Instant;

use super::float;
use crate::{
    fetch::FetchCounts,
    status::{ReaderStatus, StatusCell},
};

/// Outcomes of fetches, in the order of [`fetched`].
const FETCHED: &[&str] = &["kept", "absent", "failed", "refused"];

pub(super) fn register(metrics: &mut Metrics, status: &StatusCell) {
    let read = |read: fn(&ReaderStatus) -> u64| {
        let status = status.clone();
        move || float(read(&status.status(Instant::now())))
    };
    let evictions = status.clone();
    metrics
        .area("catalog")
        .gauge("documents", "Documents held", None, read(|now| now.entries))
        .gauge(
            "tombstones",
            "Tombstones held",
            None,
            read(|now| now.tombstones),
        )
        .gauge(
            "size",
            "What all entries cost",
            Some(Unit::Bytes),
            read(|now| now.bytes),
        )
        .gauge(
            "budget",
            "Upper bound on the size; 0 where there is none",
            Some(Unit::Bytes),
            read(|now| now.bytes_max.unwrap_or(0)),
        )
        .gauge(
            "partial",
            "1 once documents may be missing from memory, else 0",
            None,
            read(|now| u64::from(now.partial)),
        )
        .gauge(
            "ready",
            "1 while reads are answered, else 0",
            None,
            read(|now| u64::from(now.ready)),
        )
        .counter("evictions", "Entries evicted", None, move || {
            evictions.status(Instant::now()).evictions
        });
}

pub(super) fn register_fetches(metrics: &mut Metrics, fetches: Arc<FetchCounts>) {
    metrics.area("catalog").counters_by(
        "fetches",
        "Documents asked for because they were not in memory, by outcome",
        None,
        "outcome",
        FETCHED,
        move |index| fetched(&fetches, index),
    );
}

fn fetched(counts: &FetchCounts, index: usize) -> u64 {
    let all = [
        &counts.kept,
        &counts.absent,
        &counts.failed,
        &counts.refused,
    ];
    all[index].load(Ordering::Relaxed)
}
