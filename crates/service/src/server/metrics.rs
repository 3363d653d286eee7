//! Counters of connections as metrics.

use std::sync::Arc;

use telemetry::Metrics;

use super::ServerCounters;

const EVENTS: &[&str] = &["accepted", "rejected", "timed_out", "malformed", "cut_off"];

impl ServerCounters {
    /// Registers these counters under `connections`, and how many connections all listeners together
    /// may have. For the plane that clients reach: two planes of one process would bear the same names.
    pub fn register(self: &Arc<Self>, metrics: &mut Metrics, connections_max: usize) {
        let (events, active, errors) = (Arc::clone(self), Arc::clone(self), Arc::clone(self));
        metrics
            .area("connections")
            .counters_by(
                "events",
                "What happened to connections",
                None,
                "event",
                EVENTS,
                move |index| events.event(index),
            )
            .gauge("active", "Connections open now", None, move || {
                u32::try_from(active.active.get()).map_or(f64::MAX, f64::from)
            })
            .gauge(
                "max",
                "Connections that may be open before others are turned away",
                None,
                move || u32::try_from(connections_max).map_or(f64::MAX, f64::from),
            )
            .counter("accept_errors", "Failed accepts", None, move || {
                errors.accept_errors.get()
            });
    }

    fn event(&self, index: usize) -> u64 {
        let all = [
            &self.accepted,
            &self.rejected,
            &self.timed_out,
            &self.malformed,
            &self.cut_off,
        ];
        all[index].get()
    }
}
