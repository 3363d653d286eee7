//! What a writer says of itself: readiness, status, metrics.

mod access;
mod audit;

use std::{
    fmt,
    sync::{
        Arc,
        atomic::{AtomicU64, Ordering},
    },
};

use service::{Lifecycle, ServerCounters, server::Limits};
use telemetry::{Metrics, metrics::Unit};

use crate::{
    access::Access,
    commit::{
        CONTENTS_BYTES_MAX, CommitCounters, Committer, OUTBOX_BYTES_MAX, QUEUE_BYTES_MAX, QUEUE_MAX,
    },
    engine::{PUBLISH_QUEUE_BATCHES, Parts},
    http::{Inspect, Status},
    leader::LeaderCounters,
};

/// Answers from memory; see [`Inspect`].
pub(crate) struct Inspector {
    parts: Parts,
    access: Access,
    lifecycle: Lifecycle,
    metrics: Metrics,
}

impl Inspector {
    /// Of a writer whose database is there. `connections` are those of the public plane.
    pub(crate) fn new(
        parts: Parts,
        access: Access,
        lifecycle: Lifecycle,
        connections: &Arc<ServerCounters>,
    ) -> Self {
        let mut metrics = Metrics::new();
        register_commit(&mut metrics, &parts);
        register_publish(&mut metrics, &parts);
        register_leader(&mut metrics, &parts);
        register_upkeep(&mut metrics, &parts);
        if let Some(audit) = &parts.audit {
            audit::register(&mut metrics, audit);
        }
        if let Access::Tokens(file) = &access {
            access::register(&mut metrics, file);
        }
        connections.register(&mut metrics, Limits::STANDARD.connections_max);
        telemetry::trace::register(&mut metrics);
        Self {
            parts,
            access,
            lifecycle,
            metrics,
        }
    }
}

impl Inspect for Inspector {
    fn ready(&self) -> Result<(), String> {
        if self.lifecycle.is_serving() {
            Ok(())
        } else {
            Err("this writer is draining".to_owned())
        }
    }

    fn metrics(&self) -> String {
        self.metrics.to_text()
    }

    fn status(&self) -> Status {
        let leader = &self.parts.leader;
        let leads = leader.leads.load(Ordering::Relaxed);
        let seen = leader.seen();
        let tips = self.parts.committer.tip().into_iter().chain(seen.tip);
        let tip = tips.max_by_key(|tip| tip.position);
        let file = match &self.access {
            Access::Open => None,
            Access::Tokens(file) => Some(file),
        };
        Status {
            release: env!("CARGO_PKG_VERSION"),
            ready: self.lifecycle.is_serving(),
            draining: !self.lifecycle.is_serving(),
            epoch: tip.map(|tip| tip.position.epoch.0),
            head: tip.map(|tip| tip.position.sequence.0),
            published_through: seen.published_through.map(|sequence| sequence.0),
            leader: leads,
            term: leads.then(|| leader.term.load(Ordering::Relaxed)),
            queue_depth: self.parts.committer.queue_depth(),
            queue_max: QUEUE_MAX,
            tokens: file.map(|file| file.tokens().len()),
            tokens_fault: file.and_then(|file| file.fault()),
            audit: self.parts.audit.as_ref().map(|audit| audit.status()),
        }
    }
}

impl fmt::Debug for Inspector {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Inspector")
            .field("parts", &self.parts)
            .field("lifecycle", &self.lifecycle)
            .finish_non_exhaustive()
    }
}

fn register_commit(metrics: &mut Metrics, parts: &Parts) {
    const OUTCOMES: &[&str] = &[
        "committed",
        "rejected",
        "abandoned",
        "refused",
        "failed",
        "unknown",
    ];
    let read = |read: fn(&CommitCounters) -> &AtomicU64| {
        let committer = parts.committer.clone();
        move || read(committer.counters()).load(Ordering::Relaxed)
    };
    let by_outcome = parts.committer.clone();
    metrics
        .area("commit")
        .counters_by(
            "writes",
            "Writes by outcome",
            None,
            "outcome",
            OUTCOMES,
            move |index| {
                let counters = by_outcome.counters();
                let all = [
                    &counters.mutations,
                    &counters.rejected,
                    &counters.abandoned,
                    &counters.refused,
                    &counters.failed,
                    &counters.unknown,
                ];
                all[index].load(Ordering::Relaxed)
            },
        )
        .counter(
            "batches",
            "Batches committed",
            None,
            read(|all| &all.batches),
        )
        .counter("changes", "Changes made", None, read(|all| &all.changes))
        .counter(
            "replayed",
            "Repeated writes answered with their receipt",
            None,
            read(|all| &all.replayed),
        )
        .counter(
            "epochs",
            "New epochs begun by a commit",
            None,
            read(|all| &all.epochs),
        )
        .counter(
            "unpublished",
            "Changes left to the sweep, the publisher's queue being full",
            None,
            read(|all| &all.dropped),
        )
        .durations(
            "latency",
            "Time from the begin of a batch until the database has committed or refused it, or failed",
            &parts.committer.counters().latency,
        );
    register_queue(metrics, parts);
}

/// What waits, and how much may.
fn register_queue(metrics: &mut Metrics, parts: &Parts) {
    let read = |read: fn(&Committer) -> usize| {
        let committer = parts.committer.clone();
        move || float(read(&committer))
    };
    metrics
        .area("commit")
        .gauge(
            "queue_depth",
            "Writes that wait for a batch",
            None,
            read(Committer::queue_depth),
        )
        .gauge(
            "queue_depth_max",
            "Writes that may wait before others are turned away",
            None,
            read(|_any| QUEUE_MAX),
        )
        .gauge(
            "queue_size",
            "Octets of the writes that wait",
            Some(Unit::Bytes),
            read(Committer::queue_bytes),
        )
        .gauge(
            "queue_size_max",
            "Octets that may wait before writes are turned away",
            Some(Unit::Bytes),
            read(|_any| QUEUE_BYTES_MAX),
        )
        .gauge(
            "contents_size",
            "Octets of contents that are received or whose writes are not answered yet",
            Some(Unit::Bytes),
            read(Committer::contents_bytes),
        )
        .gauge(
            "contents_size_max",
            "Octets of contents beyond which writes are turned away",
            Some(Unit::Bytes),
            read(|_any| CONTENTS_BYTES_MAX),
        );
}

/// Gauges are doubles; queues are far shorter than 2^53.
fn float(count: usize) -> f64 {
    u32::try_from(count).map_or(f64::MAX, f64::from)
}

fn register_publish(metrics: &mut Metrics, parts: &Parts) {
    const OUTCOMES: &[&str] = &["published", "refused", "abandoned"];
    let publisher = Arc::clone(&parts.publisher);
    metrics.area("publish").counters_by(
        "changes",
        "This process' own changes by what became of them on the bus",
        None,
        "outcome",
        OUTCOMES,
        move |index| {
            let all = [
                &publisher.published,
                &publisher.refused,
                &publisher.abandoned,
            ];
            all[index].load(Ordering::Relaxed)
        },
    );
    let (depth, size) = (parts.publish_queue.clone(), parts.publish_queue.clone());
    metrics
        .area("publish")
        .durations(
            "latency",
            "Time to hand some changes over to the bus, whatever became of them",
            &parts.publisher.latency,
        )
        .gauge(
            "queue_depth",
            "Committed batches that wait to be published",
            None,
            move || float(depth.batches()),
        )
        .gauge(
            "queue_depth_max",
            "Batches that may wait before others are left to the sweep",
            None,
            || float(PUBLISH_QUEUE_BATCHES),
        )
        .gauge(
            "queue_size",
            "Octets of what waits to be published or is being published",
            Some(Unit::Bytes),
            move || float(size.bytes()),
        )
        .gauge(
            "queue_size_max",
            "Octets that may wait before changes are left to the sweep",
            Some(Unit::Bytes),
            || float(OUTBOX_BYTES_MAX),
        );
}

fn register_leader(metrics: &mut Metrics, parts: &Parts) {
    let read = |read: fn(&LeaderCounters) -> &AtomicU64| {
        let leader = Arc::clone(&parts.leader);
        move || read(&leader).load(Ordering::Relaxed)
    };
    let leads = Arc::clone(&parts.leader);
    metrics
        .area("leader")
        .gauge(
            "leads",
            "1 while this process leads, else 0",
            None,
            move || f64::from(u8::from(leads.leads.load(Ordering::Relaxed))),
        )
        .counter(
            "heartbeats",
            "Heartbeats sent",
            None,
            read(|all| &all.heartbeats),
        )
        .counter(
            "heartbeats_failed",
            "Heartbeats that the bus did not take",
            None,
            read(|all| &all.heartbeats_failed),
        )
        .counter(
            "swept",
            "Slots published by sweeps",
            None,
            read(|all| &all.swept),
        )
        .counter(
            "rebuilds",
            "Rebuilds begun",
            None,
            read(|all| &all.rebuilds),
        )
        .counter(
            "rounds_failed",
            "Rounds that failed, the bus or the database being away",
            None,
            read(|all| &all.rounds_failed),
        )
        .counter(
            "forks",
            "Times that bus and database told of different histories",
            None,
            read(|all| &all.forks),
        );
}

fn register_upkeep(metrics: &mut Metrics, parts: &Parts) {
    let read = |read: fn(&LeaderCounters) -> &AtomicU64| {
        let leader = Arc::clone(&parts.leader);
        move || read(&leader).load(Ordering::Relaxed)
    };
    metrics
        .area("upkeep")
        .counter(
            "compared",
            "Documents compared with what the bus holds",
            None,
            read(|all| &all.compared),
        )
        .counter(
            "mended",
            "Documents that the bus had wrong, put right",
            None,
            read(|all| &all.mended),
        )
        .counter(
            "purged",
            "Tombstones and unknown documents removed from the bus",
            None,
            read(|all| &all.purged),
        )
        .counter(
            "expired",
            "Expired documents deleted",
            None,
            read(|all| &all.expired),
        )
        .counter(
            "changes_pruned",
            "Changes removed from the database by age",
            None,
            read(|all| &all.changes_pruned),
        )
        .counter(
            "tombstones_pruned",
            "Tombstones removed from the database",
            None,
            read(|all| &all.tombstones_pruned),
        )
        .counter(
            "receipts_pruned",
            "Receipts of repeatable writes removed by age",
            None,
            read(|all| &all.receipts_pruned),
        );
}
