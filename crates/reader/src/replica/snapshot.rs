//! Which snapshots a hydration may use.

use bus::Meta;
use shared::Epoch;

use super::slots::Tip;

/// Why a snapshot cannot be used now.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Unusable {
    /// There is none, it is incomplete, of an ended epoch, or behind the reader.
    NotYet,
    /// It stands where the reader stands, but with another link: two histories.
    Forked,
}

/// Whether a hydration from the bus may begin from this snapshot.
pub(super) fn usable(
    meta: Option<Meta>,
    epoch_seen: Epoch,
    held: Option<Tip>,
) -> Result<Meta, Unusable> {
    let meta = meta.filter(|meta| meta.complete).ok_or(Unusable::NotYet)?;
    continues(tip_of(&meta), epoch_seen, held)?;
    Ok(meta)
}

/// Whether everything at or below `floor` may take the place of what the reader holds.
pub(super) fn continues(floor: Tip, epoch_seen: Epoch, held: Option<Tip>) -> Result<(), Unusable> {
    if floor.position.epoch < epoch_seen {
        return Err(Unusable::NotYet);
    }
    match held {
        Some(tip) if floor.position == tip.position && floor.link != tip.link => {
            Err(Unusable::Forked)
        }
        Some(tip)
            if tip.position.epoch == floor.position.epoch && floor.position < tip.position =>
        {
            Err(Unusable::NotYet)
        }
        _ => Ok(()),
    }
}

/// Up to where a snapshot in the bus is whole.
pub(super) fn tip_of(meta: &Meta) -> Tip {
    Tip {
        position: meta.position(),
        link: meta.tip,
    }
}

/// Whether the snapshot read since `begun` is whole: meta, read again at the end, is still of the
/// same epoch and build, complete, and not behind.
pub(super) fn is_whole(begun: &Meta, ended: Option<Meta>) -> bool {
    ended.is_some_and(|ended| {
        ended.complete
            && ended.epoch == begun.epoch
            && ended.build == begun.build
            && begun.published_through <= ended.published_through
    })
}
