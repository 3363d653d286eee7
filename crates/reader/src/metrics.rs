//! What a reader measures.

mod catalog;
mod feed;
mod local;
mod reads;

use std::sync::Arc;

use service::server::ServerCounters;
use telemetry::Metrics;

use crate::{
    fetch::FetchCounts, hot::HotKeys, http::counters::ReadCounters, lane::LatencyHistogram,
    local::LocalCounters, status::StatusCell,
};

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
    reads::register(&mut metrics, reads);
    reads::register_latency(&mut metrics, latencies);
    reads::register_hottest(&mut metrics, hot);
    connections.register(&mut metrics, connections_max);
    telemetry::trace::register(&mut metrics);
    feed::register(&mut metrics, &status);
    feed::register_propagation(&mut metrics, &status);
    catalog::register(&mut metrics, &status);
    local::register(&mut metrics, &status, &local);
    catalog::register_fetches(&mut metrics, fetches);
    metrics
}

/// Gauges are doubles: beyond 2^53 the last digits are lost.
#[expect(clippy::cast_precision_loss, reason = "a gauge has no more precision")]
fn float(count: u64) -> f64 {
    count as f64
}
