//! The metrics of the auditor.

use std::sync::Arc;

use telemetry::Metrics;

use crate::leader::audit::{AuditCounters, OUTCOMES, Outcome};

/// A counter for each delay, because a metric has one label.
const BY_DELAY: [&str; 3] = ["after_100ms", "after_1s", "after_5s"];

/// The order of [`OUTCOMES`].
const ALL: [Outcome; OUTCOMES.len()] = [Outcome::Consistent, Outcome::Stale, Outcome::Unanswered];

pub(super) fn register(metrics: &mut Metrics, audit: &Arc<AuditCounters>) {
    let mut area = metrics.area("audit");
    let samples = Arc::clone(audit);
    area.counter(
        "samples",
        "Changes that readers were asked for",
        None,
        move || samples.samples(),
    );
    for (delay, name) in BY_DELAY.into_iter().enumerate() {
        let audit = Arc::clone(audit);
        area.counters_by(
            name,
            "Readers asked for a change so long after its commit, by outcome",
            None,
            "outcome",
            OUTCOMES,
            move |outcome| audit.found(delay, ALL[outcome]),
        );
    }
}
