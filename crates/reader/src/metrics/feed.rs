//! Following: where the reader stands, and what became of that.

use telemetry::{Metrics, metrics::Unit};
use tokio::time::Instant;

use super::float;
use crate::status::{Progress, StatusCell};

pub(super) fn register(metrics: &mut Metrics, status: &StatusCell) {
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

pub(super) fn register_propagation(metrics: &mut Metrics, status: &StatusCell) {
    metrics.area("feed").durations(
        "propagation",
        "Time from a change in the database until it is served here, of changes that came while following",
        status.propagation(),
    );
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
