use std::{
    sync::{
        Arc,
        atomic::{AtomicU64, Ordering},
    },
    time::Duration,
};

use crate::{
    Metrics,
    metrics::{DurationHistogram, Unit},
};

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
            None,
            "status",
            &["200", "304"],
            |index| index as u64 + 1,
        )
        .gauges_by("lanes", "Connections", None, "state", &["busy"], |_| 3.0)
        .counters_by("sent", "Sent", Some(Unit::Bytes), "by", &["lane"], |_| 5);
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
         # HELP pressrun_reader_sent_bytes Sent\n\
         # TYPE pressrun_reader_sent_bytes counter\n\
         # UNIT pressrun_reader_sent_bytes bytes\n\
         pressrun_reader_sent_bytes_total{by=\"lane\"} 5\n\
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
fn durations_are_recorded_by_their_owner_in_the_bucket_that_bounds_them() {
    let latency = DurationHistogram::new();
    let mut metrics = Metrics::default();
    metrics
        .area("commit")
        .durations("latency", "Time per commit", &latency);
    latency.record(Duration::from_millis(100));
    latency.record(Duration::from_millis(101));
    latency.record(Duration::from_hours(1));
    let text = metrics.to_text();
    for line in [
        "# UNIT pressrun_commit_latency_seconds seconds\n",
        "pressrun_commit_latency_seconds_bucket{le=\"0.05\"} 0\n",
        "pressrun_commit_latency_seconds_bucket{le=\"0.1\"} 1\n",
        "pressrun_commit_latency_seconds_bucket{le=\"0.2\"} 2\n",
        "pressrun_commit_latency_seconds_bucket{le=\"60.0\"} 2\n",
        "pressrun_commit_latency_seconds_bucket{le=\"+Inf\"} 3\n",
        "pressrun_commit_latency_seconds_count 3\n",
    ] {
        assert!(text.contains(line), "{line}{text}");
    }
    assert_eq!(metrics.names(), ["pressrun_commit_latency_seconds"]);
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
