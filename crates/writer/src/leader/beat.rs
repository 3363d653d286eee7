//! The heartbeat: probes, then the database's head, then word of both to every reader.

use std::{sync::atomic::Ordering, time::Duration};

use bus::Publisher;
use shared::Heartbeat;
use tokio::time::{Instant, MissedTickBehavior, interval, timeout};
use tracing::debug;

use super::LeaderCounters;
use crate::store::{Lease, StoreError};

/// How often the leader beats. Readers give a silent feed up after four of these.
const BEAT_INTERVAL: Duration = Duration::from_millis(250);

/// How long a beat waits for the bus, each for reading and for sending: an absent bus must not
/// cost the lease, which ends after 2 s without a beat.
const BUS_PATIENCE: Duration = Duration::from_millis(400);

/// How long a leader goes on whom the bus does not hear. The database would let it lead for ever, and
/// another writer may reach the bus where this one does not.
const UNHEARD_MAX: Duration = Duration::from_secs(5);

/// Why a leader beats no more.
#[derive(Debug, thiserror::Error)]
pub(super) enum End {
    /// Another one may lead already.
    #[error("the lease is lost")]
    Lost(#[source] StoreError),
    /// For [`UNHEARD_MAX`]; the lease is to be given up.
    #[error("the bus has taken no heartbeat for {} s", UNHEARD_MAX.as_secs())]
    Unheard,
}

/// Beats until it is of no use any more, and says why.
pub(super) async fn beat(
    lease: &mut dyn Lease,
    bus: &dyn Publisher,
    counters: &LeaderCounters,
) -> End {
    let mut heard_at = Instant::now();
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
            Err(error) => return End::Lost(error),
        };
        let heartbeat = Heartbeat {
            head: feed.tip.position,
            link: feed.tip.link,
            database_time: feed.now,
            probes,
        };
        match timeout(BUS_PATIENCE, bus.heartbeat(&heartbeat)).await {
            Ok(Ok(())) => {
                heard_at = Instant::now();
                counters.heartbeats.fetch_add(1, Ordering::Relaxed)
            }
            Ok(Err(error)) => {
                debug!(
                    error = %telemetry::chain(&error),
                    "heartbeat not sent"
                );
                counters.heartbeats_failed.fetch_add(1, Ordering::Relaxed)
            }
            Err(_) => counters.heartbeats_failed.fetch_add(1, Ordering::Relaxed),
        };
        if heard_at.elapsed() >= UNHEARD_MAX {
            return End::Unheard;
        }
    }
}
