//! What the leader does next, from what the bus and the database say.

use bus::Meta;
use shared::Sequence;

use super::tip_of;
use crate::store::Tip;

/// One round's work.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Plan {
    /// The bus has everything, or is being brought everything.
    Rest,
    /// Slots after `published_through` are missing, and were in the round before.
    Sweep(Meta),
    /// The bus lacks a snapshot of this epoch.
    Rebuild,
    /// The bus knows of a history that the database does not: ask it which one stands.
    Confirm(Tip),
}

/// Judges meta, read *before* `tip`, the database's own; `missed_before` is what [`missed_after`] gave
/// in the round before. Slots that are on their way only look missing, so they are swept only where
/// they looked so for a round.
pub(super) fn plan(meta: Option<Meta>, tip: Tip, missed_before: Option<Sequence>) -> Plan {
    let Some(meta) = meta else {
        return Plan::Rebuild;
    };
    let known = tip_of(&meta);
    if tip.position < known.position {
        return Plan::Confirm(known);
    }
    if meta.epoch < tip.position.epoch || !meta.complete {
        return Plan::Rebuild;
    }
    if tip.position == known.position {
        return if tip.link == known.link {
            Plan::Rest
        } else {
            Plan::Confirm(known)
        };
    }
    if missed_before == missed_after(Some(&meta), tip) {
        Plan::Sweep(meta)
    } else {
        Plan::Rest
    }
}

/// The slot after which the bus lacks some; `None` where it lacks none.
pub(super) fn missed_after(meta: Option<&Meta>, tip: Tip) -> Option<Sequence> {
    let meta = meta.filter(|meta| meta.position() < tip.position)?;
    Some(meta.published_through)
}
