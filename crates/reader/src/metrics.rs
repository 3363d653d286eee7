//! What a reader measures.

use std::sync::{
    Arc,
    atomic::{AtomicU64, Ordering},
};

use service::server::ServerCounters;
use shared::ContentCoding;
use telemetry::{Metrics, metrics::Unit};
use tokio::time::Instant;

use crate::{
    fetch::FetchCounts,
    hot::HotKeys,
    http::counters::{ReadCounters, ReadCounts},
    lane::LatencyHistogram,
    local::LocalCounters,
    status::{Progress, ReaderStatus, StatusCell},
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

/// Outcomes of fetches, in the order of [`fetched`].
const FETCHED: &[&str] = &["kept", "absent", "failed", "refused"];

/// What is measured, and by whom it is counted.
#[derive(Debug)]
pub(crate) struct Measured {
    pub(crate) status: StatusCell,
    pub(crate) local: Arc<LocalCounters>,
    pub(crate) fetches: Arc<FetchCounts>,
    /// Of every thread that answers reads.
    pub(crate) reads: Vec<Arc<ReadCounters>>,
    pub(crate) latencies: Vec<LatencyHistogram>,
    pub(crate) hot: Arc<[HotKeys]>,
    /// Of the data plane.
    pub(crate) connections: Arc<ServerCounters>,
    /// How many its listeners may have together.
    pub(crate) connections_max: usize,
}

/// Every metric of a reader.
pub(crate) fn metrics(measured: Measured) -> Metrics {
    let Measured {
        status,
        local,
        fetches,
        reads,
        latencies,
        hot,
        connections,
        connections_max,
    } = measured;
    let mut metrics = Metrics::new();
    register_reads(&mut metrics, reads);
    metrics.area("reads").histogram(
        "latency",
        "Time from a lane's wake-up to the answer's last write, of plain reads",
        Some(Unit::Seconds),
        move || {
            let counts = LatencyHistogram::sum(&latencies);
            (counts.sum_seconds(), counts.buckets().collect())
        },
    );
    metrics.area("reads").gauge(
        "hottest_ratio",
        "Share of the document that is asked for most, of the last minutes' reads; NaN without any",
        None,
        move || {
            let hottest = HotKeys::hottest(&*hot, std::time::Instant::now());
            hottest.keys.first().map_or(f64::NAN, |first| first.share)
        },
    );
    connections.register(&mut metrics, connections_max);
    telemetry::trace::register(&mut metrics);
    register_feed(&mut metrics, &status);
    metrics.area("feed").durations(
        "propagation",
        "Time from a change in the database until it is served here, of changes that came while following",
        status.propagation(),
    );
    register_catalog(&mut metrics, &status);
    register_local(&mut metrics, &status, &local);
    metrics.area("catalog").counters_by(
        "fetches",
        "Documents asked for because they were not in memory, by outcome",
        None,
        "outcome",
        FETCHED,
        move |index| fetched(&fetches, index),
    );
    metrics
}

fn register_reads(metrics: &mut Metrics, counters: Vec<Arc<ReadCounters>>) {
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

fn fetched(counts: &FetchCounts, index: usize) -> u64 {
    let all = [
        &counts.kept,
        &counts.absent,
        &counts.failed,
        &counts.refused,
    ];
    all[index].load(Ordering::Relaxed)
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

fn register_feed(metrics: &mut Metrics, status: &StatusCell) {
    let progress = |read: fn(&Progress) -> f64| {
        let status = status.clone();
        move || read(&status.progress())
    };
    let count = |read: fn(&Progress) -> u64| {
        let status = status.clone();
        move || read(&status.progress())
    };
    let staleness = status.clone();
    metrics
        .area("feed")
        .gauge(
            "epoch",
            "Epoch of the position; 0 until hydrated",
            None,
            progress(|now| float(now.position.map_or(0, |position| position.epoch.0))),
        )
        .gauge(
            "sequence",
            "Sequence of the position; 0 until hydrated",
            None,
            progress(|now| float(now.position.map_or(0, |position| position.sequence.0))),
        )
        .gauge(
            "lag_sequences",
            "Changes missing here; NaN while unknown",
            None,
            progress(|now| now.lag().map_or(f64::NAN, float)),
        )
        .gauge(
            "staleness",
            "Time since the reader last knew that it had everything; NaN while unknown",
            Some(Unit::Seconds),
            move || {
                let age = staleness.progress().staleness(Instant::now());
                age.map_or(f64::NAN, |age| age.as_secs_f64())
            },
        )
        .counter(
            "hydrations",
            "Hydrations completed",
            None,
            count(|now| now.hydrations),
        )
        .counter(
            "gaps",
            "Subscriptions that ended",
            None,
            count(|now| now.gaps),
        )
        .counter(
            "silences",
            "Of those, subscriptions given up because nothing came over them",
            None,
            count(|now| now.silences),
        )
        .counter(
            "replays",
            "Pages of the log read",
            None,
            count(|now| now.replays),
        )
        .counter(
            "undecodable",
            "Envelopes that could not be decoded",
            None,
            count(|now| now.undecodable),
        );
    register_healing(metrics, status);
}

/// What the reader does beyond following.
fn register_healing(metrics: &mut Metrics, status: &StatusCell) {
    let count = |read: fn(&Progress) -> u64| {
        let status = status.clone();
        move || read(&status.progress())
    };
    metrics
        .area("feed")
        .counter(
            "polls",
            "Polls that a writer answered",
            None,
            count(|now| now.polls),
        )
        .counter("scrubs", "Buckets scrubbed", None, count(|now| now.scrubs))
        .counter(
            "repairs",
            "Documents that scrubs have changed",
            None,
            count(|now| now.repairs),
        );
}

fn register_catalog(metrics: &mut Metrics, status: &StatusCell) {
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

/// Of the local snapshot; all 0 where none is kept.
fn register_local(metrics: &mut Metrics, status: &StatusCell, local: &Arc<LocalCounters>) {
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

/// Gauges are doubles: beyond 2^53 the last digits are lost.
#[expect(clippy::cast_precision_loss, reason = "a gauge has no more precision")]
fn float(count: u64) -> f64 {
    count as f64
}
