//! The heartbeat: probes, then the database's head, then word of both to every reader.

use std::{sync::atomic::Ordering, time::Duration};

use bus::Publisher;
use shared::Heartbeat;
use tokio::time::{MissedTickBehavior, interval, timeout};
use tracing::debug;

use super::LeaderCounters;
use crate::store::{Lease, StoreError};

/// How often the leader beats. Readers give a silent feed up after four of these.
const BEAT_INTERVAL: Duration = Duration::from_millis(250);

/// How long a beat waits for the bus, each for reading and for sending: an absent bus must not
/// cost the lease, which ends after 2 s without a beat.
const BUS_PATIENCE: Duration = Duration::from_millis(400);

/// Beats until the lease is lost, and gives the reason.
pub(super) async fn beat(
    lease: &mut dyn Lease,
    bus: &dyn Publisher,
    counters: &LeaderCounters,
) -> StoreError {
    let mut ticks = interval(BEAT_INTERVAL);
    ticks.set_missed_tick_behavior(MissedTickBehavior::Delay);
    loop {
        ticks.tick().await;
        // Before the head, so that a reader which reaches it has all that was committed before it
        // left its probe.
        let probes = match timeout(BUS_PATIENCE, bus.probes()).await {
            Ok(Ok(probes)) => probes,
            Ok(Err(_)) | Err(_) => Vec::new(),
        };
        let feed = match lease.beat().await {
            Ok(feed) => feed,
            Err(error) => return error,
        };
        let heartbeat = Heartbeat {
            head: feed.tip.position,
            link: feed.tip.link,
            database_time: feed.now,
            probes,
        };
        match timeout(BUS_PATIENCE, bus.heartbeat(&heartbeat)).await {
            Ok(Ok(())) => counters.heartbeats.fetch_add(1, Ordering::Relaxed),
            Ok(Err(error)) => {
                debug!(
                    error = &error as &dyn std::error::Error,
                    "heartbeat not sent"
                );
                counters.heartbeats_failed.fetch_add(1, Ordering::Relaxed)
            }
            Err(_) => counters.heartbeats_failed.fetch_add(1, Ordering::Relaxed),
        };
    }
}
