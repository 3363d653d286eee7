//! The local snapshot.

use std::sync::{
    Arc,
    atomic::{AtomicU64, Ordering},
};

use telemetry::{Metrics, metrics::Unit};
use tokio::time::Instant;

use super::float;
use crate::{local::LocalCounters, status::StatusCell};

/// Of the local snapshot; all 0 where none is kept.
pub(super) fn register(metrics: &mut Metrics, status: &StatusCell, local: &Arc<LocalCounters>) {
    let count = |read: fn(&LocalCounters) -> &AtomicU64| {
        let local = Arc::clone(local);
        move || read(&local).load(Ordering::Relaxed)
    };
    let age = status.clone();
    let bytes = Arc::clone(local);
    metrics
        .area("snapshot")
        .gauge(
            "age",
            "Age of the local snapshot that a start began with, until a source confirms; else NaN",
            Some(Unit::Seconds),
            move || {
                let age = age.progress().snapshot_age;
                age.map_or(f64::NAN, |age| age.now(Instant::now()).as_secs_f64())
            },
        )
        .gauge(
            "size",
            "Size of the local snapshot written last; 0 before",
            Some(Unit::Bytes),
            move || float(bytes.bytes.load(Ordering::Relaxed)),
        )
        .counter(
            "written",
            "Local snapshots written",
            None,
            count(|it| &it.written),
        )
        .counter(
            "failed",
            "Local snapshots that could not be written",
            None,
            count(|it| &it.failed),
        )
        .counter(
            "refused",
            "Local snapshots that were found and not believed",
            None,
            count(|it| &it.refused),
        );
}
