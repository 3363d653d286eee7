//! Metrics of who may write.

use std::sync::{
    Arc,
    atomic::{AtomicU64, Ordering},
};

use telemetry::Metrics;

use crate::access::{AccessCounters, TokenFile};

pub(super) fn register(metrics: &mut Metrics, file: &Arc<TokenFile>) {
    const OUTCOMES: &[&str] = &["granted", "missing", "malformed", "unknown", "out_of_scope"];
    let read = |read: fn(&AccessCounters) -> &AtomicU64| {
        let file = Arc::clone(file);
        move || read(file.counters()).load(Ordering::Relaxed)
    };
    let by_outcome = Arc::clone(file);
    let count = Arc::clone(file);
    let fault = Arc::clone(file);
    metrics
        .area("access")
        .counters_by(
            "requests",
            "Requests to write by what their token came to",
            None,
            "outcome",
            OUTCOMES,
            move |index| {
                let counters = by_outcome.counters();
                let all = [
                    &counters.granted,
                    &counters.missing,
                    &counters.malformed,
                    &counters.unknown,
                    &counters.out_of_scope,
                ];
                all[index].load(Ordering::Relaxed)
            },
        )
        .counter(
            "reloads",
            "Changed files of tokens that were taken",
            None,
            read(|all| &all.reloads),
        )
        .counter(
            "reloads_failed",
            "Changed files of tokens that could not be used",
            None,
            read(|all| &all.reloads_failed),
        )
        .gauge("tokens", "Tokens that may write", None, move || {
            u32::try_from(count.tokens().len()).map_or(f64::MAX, f64::from)
        })
        .gauge(
            "file_faulty",
            "1 while the file of tokens cannot be used and older tokens count, else 0",
            None,
            move || f64::from(u8::from(fault.fault().is_some())),
        );
}
