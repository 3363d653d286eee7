use std::sync::{
    Arc,
    atomic::{AtomicU64, Ordering},
};

use prometheus_client::metrics::histogram::Histogram;

use crate::{Metrics, metrics::Unit};

#[test]
fn metrics_are_read_when_asked_for() {
    let hits = Arc::new(AtomicU64::new(0));
    let counted = Arc::clone(&hits);
    let mut metrics = Metrics::new();
    metrics
        .area("reader")
        .counter("requests", "Requests answered", None, move || {
            counted.load(Ordering::Relaxed)
        })
        .gauge("catalog", "Octets held", Some(Unit::Bytes), || 2.5)
        .counters_by(
            "responses",
            "Responses",
            "status",
            &["200", "304"],
            |index| index as u64 + 1,
        )
        .gauges_by("lanes", "Connections", "state", &["busy"], |_| 3.0);
    hits.store(41, Ordering::Relaxed);
    assert_eq!(
        metrics.to_text(),
        "# HELP pressrun_reader_requests Requests answered\n\
         # TYPE pressrun_reader_requests counter\n\
         pressrun_reader_requests_total 41\n\
         # HELP pressrun_reader_catalog_bytes Octets held\n\
         # TYPE pressrun_reader_catalog_bytes gauge\n\
         # UNIT pressrun_reader_catalog_bytes bytes\n\
         pressrun_reader_catalog_bytes 2.5\n\
         # HELP pressrun_reader_responses Responses\n\
         # TYPE pressrun_reader_responses counter\n\
         pressrun_reader_responses_total{status=\"200\"} 1\n\
         pressrun_reader_responses_total{status=\"304\"} 2\n\
         # HELP pressrun_reader_lanes Connections\n\
         # TYPE pressrun_reader_lanes gauge\n\
         pressrun_reader_lanes{state=\"busy\"} 3.0\n\
         # EOF\n"
    );
    hits.store(42, Ordering::Relaxed);
    assert!(
        metrics
            .to_text()
            .contains("pressrun_reader_requests_total 42\n")
    );
}

#[test]
fn a_histogram_ends_in_the_bucket_that_prometheus_computes_from() {
    let mut metrics = Metrics::new();
    metrics.area("lane").histogram("waits", "Waits", None, || {
        (3.5, vec![(0.5, 1), (f64::INFINITY, 2)])
    });
    let text = metrics.to_text();
    assert!(
        text.contains("pressrun_lane_waits_bucket{le=\"0.5\"} 1\n"),
        "{text}"
    );
    assert!(
        text.contains("pressrun_lane_waits_bucket{le=\"+Inf\"} 3\n"),
        "{text}"
    );
}

#[test]
fn owners_may_keep_their_own_metrics() {
    let latency = Histogram::new([0.1, 1.0]);
    let mut metrics = Metrics::default();
    let unit = Some(Unit::Seconds);
    metrics
        .area("commit")
        .metric("duration", "Time per commit", unit, latency.clone());
    latency.observe(0.5);
    let text = metrics.to_text();
    for line in [
        "pressrun_commit_duration_seconds_bucket{le=\"0.1\"} 0\n",
        "pressrun_commit_duration_seconds_bucket{le=\"1.0\"} 1\n",
        "pressrun_commit_duration_seconds_count 1\n",
    ] {
        assert!(text.contains(line), "{text}");
    }
    assert_eq!(metrics.names(), ["pressrun_commit_duration_seconds"]);
}

#[test]
fn names_follow_the_rules_and_are_taken_once() {
    for (area, what) in [
        ("reader", "Requests"),
        ("reader", "requests-seen"),
        ("reader", ""),
        ("reader", "requests_total"),
        ("Reader", "requests"),
        ("reader", "taken"),
    ] {
        let registered = std::panic::catch_unwind(|| {
            let mut metrics = Metrics::new();
            metrics.area("reader").counter("taken", "Taken", None, || 0);
            metrics.area(area).counter(what, "Help", None, || 0);
        });
        assert!(registered.is_err(), "{area} {what}");
    }
}
