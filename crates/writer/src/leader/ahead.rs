//! Readers that are ahead of the database: it was restored, and maybe nobody else remembers.
//!
//! The bus may have forgotten the history that was lost, and a reader need not know any writer whom
//! it could ask. But it tells the bus where it stands, and nobody ever stands above the head.

use std::{sync::atomic::Ordering, time::Duration};

use bus::Registration;
use serde::Deserialize;
use shared::{Epoch, Link, Position, Sequence};
use tokio::time::{sleep, timeout};
use tracing::{debug, warn};

use super::{Leader, RoundError};
use crate::store::{EPOCH_SEEN_MAX, Tip};

/// Between two looks. Each costs a walk through the names that the bus holds.
const LOOK_INTERVAL: Duration = Duration::from_secs(5);

/// How long the bus may take.
const LOOK_TIMEOUT: Duration = Duration::from_millis(500);

/// The part of a reader's status that is needed here.
#[derive(Debug, Deserialize)]
struct Told {
    epoch: Option<u64>,
    sequence: Option<u64>,
}

impl Leader {
    /// Looks now and then, for ever.
    pub(super) async fn watch_readers(&self) -> ! {
        loop {
            if let Err(error) = self.look_for_readers_ahead().await {
                debug!(
                    error = %telemetry::chain(&error),
                    "who is ahead is not known"
                );
            }
            sleep(LOOK_INTERVAL).await;
        }
    }

    /// Begins a new epoch where a reader stands above the head.
    pub(super) async fn look_for_readers_ahead(&self) -> Result<(), RoundError> {
        // Before the head: what a reader has, the database must have by then.
        let Ok(registered) = timeout(LOOK_TIMEOUT, self.bus.readers()).await else {
            return Ok(());
        };
        let highest = registered?.iter().filter_map(position_of).max();
        let head = self.store.feed().await?.tip.position;
        let Some(position) = highest.filter(|highest| head < *highest) else {
            return Ok(());
        };
        // Of a change that the database does not have it cannot know the link.
        let link = Link::ZERO;
        let after = self.store.confirm(Tip { position, link }).await?.position;
        if head.epoch < after.epoch {
            self.counters.forks.fetch_add(1, Ordering::Relaxed);
            warn!(reader = %position, %head, database = %after, "a reader is ahead of the database");
        }
        Ok(())
    }
}

/// None where it does not tell, or tells what cannot be: that must not hide what others tell.
fn position_of(registration: &Registration) -> Option<Position> {
    let told: Told = serde_json::from_str(&registration.status).ok()?;
    let epoch = told.epoch.filter(|epoch| *epoch <= EPOCH_SEEN_MAX)?;
    Some(Position::new(Epoch(epoch), Sequence(told.sequence?)))
}
