//! Retention: the database keeps the last changes, and the tombstones that those name.

use std::sync::atomic::Ordering;

use bus::Meta;
use shared::Sequence;

use super::{Leader, RoundError};
use crate::store::Tip;

/// Changes, and tombstones, removed in one round: with four rounds a second, 16,000 a second, more
/// than one feed row commits for long.
pub(super) const STEP: u32 = 4096;

/// Changes that the database keeps unless set otherwise: what a sweep can deliver without a
/// rebuild, and what the writer's own feed can replay. About as many as the log in Redis holds.
pub const CHANGES_KEPT: u64 = 100_000;

impl Leader {
    /// Removes what is older than the changes to be kept, but nothing that the bus still lacks.
    /// `below` is where the last complete removal ended.
    pub(super) async fn prune(
        &self,
        meta: &Meta,
        tip: Tip,
        below: &mut Sequence,
    ) -> Result<(), RoundError> {
        let kept = tip
            .position
            .sequence
            .next()
            .0
            .saturating_sub(self.changes_kept);
        // The change at published_through stays too: its link tells whether history stands.
        let floor = Sequence(kept).min(meta.published_through);
        if floor <= *below {
            return Ok(());
        }
        let pruned = self.store.prune(floor, STEP).await?;
        let count = |counter: &std::sync::atomic::AtomicU64, by| {
            counter.fetch_add(by, Ordering::Relaxed);
        };
        count(&self.counters.changes_pruned, pruned.changes);
        count(&self.counters.tombstones_pruned, pruned.tombstones);
        if pruned.changes.max(pruned.tombstones) < u64::from(STEP) {
            *below = floor;
        }
        Ok(())
    }

    /// Removes receipts whose time is over; whether there may be more.
    pub(super) async fn prune_receipts(&self) -> Result<bool, RoundError> {
        let pruned = self.store.prune_receipts(STEP).await?;
        let counter = &self.counters.receipts_pruned;
        counter.fetch_add(pruned, Ordering::Relaxed);
        Ok(pruned >= u64::from(STEP))
    }
}
