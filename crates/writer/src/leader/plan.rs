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

/// Judges meta, read *before* `tip`, the database's own; `published_before` is what meta's
/// `published_through` was in the round before. Slots that are on their way only look missing, so
/// they are swept only where nothing moved for a round.
pub(super) fn plan(meta: Option<Meta>, tip: Tip, published_before: Option<Sequence>) -> Plan {
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
    if published_before == Some(meta.published_through) {
        Plan::Sweep(meta)
    } else {
        Plan::Rest
    }
}
