//! Reads: how many, of what outcome and coding, how fast, and which document most.

use std::sync::Arc;

use shared::ContentCoding;
use telemetry::{Metrics, metrics::Unit};

use crate::{
    hot::HotKeys,
    http::counters::{ReadCounters, ReadCounts},
    lane::LatencyHistogram,
};

/// Outcomes of reads, in the order of [`outcome`].
const OUTCOMES: &[&str] = &[
    "hit",
    "not_modified",
    "absent",
    "not_ready",
    "unfetched",
    "behind",
    "epoch_ended",
    "bad_request",
];

/// Content codings, by their discriminants.
const CODINGS: &[&str] = &{
    let mut tokens = [""; ContentCoding::ALL.len()];
    let mut index = 0;
    while index < tokens.len() {
        tokens[index] = ContentCoding::ALL[index].token();
        index += 1;
    }
    tokens
};

/// What spares octets.
const SAVED_BY: &[&str] = &["not_modified", "coding"];

pub(super) fn register(metrics: &mut Metrics, counters: Vec<Arc<ReadCounters>>) {
    let counters: Arc<[_]> = counters.into();
    let read = |read: fn(&ReadCounts, usize) -> u64| {
        let counters = Arc::clone(&counters);
        move |index| {
            let sum = ReadCounters::sum(counters.iter().map(|lane| &**lane));
            read(&sum, index)
        }
    };
    metrics
        .area("reads")
        .counters_by(
            "requests",
            "Requests on the data plane by outcome",
            None,
            "outcome",
            OUTCOMES,
            read(outcome),
        )
        .counters_by(
            "hits",
            "Answers with 200 by content coding",
            None,
            "coding",
            CODINGS,
            read(|counts, index| counts.content.hits[index]),
        )
        .counters_by(
            "content_sent",
            "Octets of content answered with, by content coding",
            Some(Unit::Bytes),
            "coding",
            CODINGS,
            read(|counts, index| counts.content.sent_bytes[index]),
        )
        .counters_by(
            "content_saved",
            "Octets of content that did not have to be sent, by what spared them",
            Some(Unit::Bytes),
            "by",
            SAVED_BY,
            read(|counts, index| {
                let content = &counts.content;
                [content.unmodified_bytes, content.coded_bytes][index]
            }),
        );
}

pub(super) fn register_latency(metrics: &mut Metrics, latencies: Vec<LatencyHistogram>) {
    metrics.area("reads").histogram(
        "latency",
        "Time from a lane's wake-up to the answer's last write, of plain reads",
        Some(Unit::Seconds),
        move || {
            let counts = LatencyHistogram::sum(&latencies);
            (counts.sum_seconds(), counts.buckets().collect())
        },
    );
}

pub(super) fn register_hottest(metrics: &mut Metrics, hot: Arc<[HotKeys]>) {
    metrics.area("reads").gauge(
        "hottest_ratio",
        "Share of the document that is asked for most, of the last minutes' reads; NaN without any",
        None,
        move || {
            let hottest = HotKeys::hottest(&*hot, std::time::Instant::now());
            hottest.keys.first().map_or(f64::NAN, |first| first.share)
        },
    );
}

fn outcome(counts: &ReadCounts, index: usize) -> u64 {
    let all = [
        counts.hit,
        counts.not_modified,
        counts.absent,
        counts.not_ready,
        counts.unfetched,
        counts.behind,
        counts.epoch_ended,
        counts.bad_request,
    ];
    all[index]
}
