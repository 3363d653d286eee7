//! Whether reads may be answered.

use std::fmt;

use shared::{Position, codec::DecodeError};

/// Ready means: hydrated and a head read after the start reached, and nothing met that this
/// version cannot read. A local snapshot is enough while nobody has another.
#[derive(Debug, Default)]
pub(super) struct Readiness {
    /// That head was reached; or a local snapshot is served, and declared stale, until it is.
    may_serve: bool,
    /// The slot that holds the position because its envelope cannot be used, and why where it
    /// cannot be decoded.
    held_by: Option<(Position, Option<DecodeError>)>,
    /// The snapshot has an envelope that cannot be decoded.
    snapshot_unreadable: bool,
    announced: bool,
}

/// Why reads are not answered.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Unready {
    /// Not everything is here that was there at the start.
    Behind,
    /// The envelope of a change cannot be decoded, or contradicts its slot.
    Change(Position, Option<DecodeError>),
    /// So does one of the snapshot.
    Snapshot,
}

impl fmt::Display for Unready {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Behind => write!(f, "this reader does not hold the documents yet"),
            Self::Change(at, Some(error)) => {
                write!(f, "the change at {at} cannot be read: {error}")
            }
            Self::Change(at, None) => write!(f, "the change at {at} came with another envelope"),
            Self::Snapshot => write!(
                f,
                "the snapshot has a document that cannot be read: it is damaged, or of a newer format"
            ),
        }
    }
}

impl Readiness {
    pub(super) fn begin_epoch(&mut self) {
        self.held_by = None;
    }

    pub(super) fn slot_unreadable(&mut self, slot: Position, error: Option<DecodeError>) {
        self.held_by.get_or_insert((slot, error));
    }

    pub(super) fn snapshot_unreadable(&mut self) {
        self.snapshot_unreadable = true;
    }

    pub(super) fn snapshot_read(&mut self) {
        self.snapshot_unreadable = false;
    }

    pub(super) fn begun_locally(&mut self) {
        self.may_serve = true;
    }

    /// The tip stands at `position`; `first_head` is the first head read after the start.
    pub(super) fn reached(&mut self, position: Position, first_head: Option<Position>) {
        self.may_serve |= first_head.is_some_and(|head| head <= position);
        self.held_by = self.held_by.filter(|(slot, _error)| position < *slot);
    }

    /// Why not; `None` where it is.
    pub(super) fn unready(&self) -> Option<Unready> {
        if let Some((slot, error)) = self.held_by {
            Some(Unready::Change(slot, error))
        } else if self.snapshot_unreadable {
            Some(Unready::Snapshot)
        } else {
            (!self.may_serve).then_some(Unready::Behind)
        }
    }

    pub(super) fn is_ready(&self) -> bool {
        self.unready().is_none()
    }

    /// The new state, if it changed since this was asked last.
    pub(super) fn change(&mut self) -> Option<bool> {
        let ready = self.is_ready();
        let changed = ready != self.announced;
        self.announced = ready;
        changed.then_some(ready)
    }
}
