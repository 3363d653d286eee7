//! What a reader's answer says of a change.

use shared::{Position, digest::Listing};

use super::{Outcome, Sample};
use crate::store::Document;

/// What the answer alone tells.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Judgement {
    Settled(Outcome),
    /// The reader has no such document: right, if it was deleted since.
    Missing,
    /// The history that the change was of has ended.
    Ended,
}

/// Holds what a reader has of the document against the change.
pub(super) fn judge(sample: &Sample, held: &Listing) -> Judgement {
    if held.position.epoch > sample.position.epoch {
        return Judgement::Ended;
    }
    if held.position.epoch < sample.position.epoch {
        return Judgement::Settled(Outcome::Stale);
    }
    match held.documents.get(&sample.key) {
        Some(state) if state.sequence >= sample.position.sequence => {
            Judgement::Settled(Outcome::Consistent)
        }
        Some(_earlier) => Judgement::Settled(Outcome::Stale),
        None if sample.is_deleted => Judgement::Settled(Outcome::Consistent),
        None => Judgement::Missing,
    }
}

/// A reader at `position` has no such document; the database, asked afterwards, has this. `None`
/// where that proves nothing: it may have been deleted after the reader was asked, or deleted and
/// written again, or it has expired.
pub(super) fn judge_missing(
    sample: &Sample,
    position: Position,
    document: Option<&Document>,
) -> Option<Outcome> {
    // Tombstones go after a while.
    let Some(document) = document else {
        return Some(Outcome::Consistent);
    };
    let current = document.slot.position;
    if current.epoch != sample.position.epoch {
        None
    } else if position < sample.position {
        Some(Outcome::Stale)
    } else if document.body.is_none() {
        (current <= position).then_some(Outcome::Consistent)
    } else if current == sample.position && document.expires_at.is_none() {
        Some(Outcome::Stale)
    } else {
        None
    }
}
