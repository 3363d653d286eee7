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

/// Whether a hydration may begin from this snapshot.
pub(super) fn usable(
    meta: Option<Meta>,
    epoch_seen: Epoch,
    held: Option<Tip>,
) -> Result<Meta, Unusable> {
    let meta = meta.filter(|meta| meta.complete && epoch_seen <= meta.epoch);
    let Some(meta) = meta else {
        return Err(Unusable::NotYet);
    };
    match held {
        Some(tip) if meta.position() == tip.position && meta.tip != tip.link => {
            Err(Unusable::Forked)
        }
        Some(tip) if tip.position.epoch == meta.epoch && meta.position() < tip.position => {
            Err(Unusable::NotYet)
        }
        _ => Ok(meta),
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
