//! Whether reads may be answered.

use shared::Position;

/// Ready means: hydrated and a head read after the start reached, and nothing met that this
/// version cannot read. A local snapshot is enough while nobody has another.
#[derive(Debug, Default)]
pub(super) struct Readiness {
    /// That head was reached; or a local snapshot is served, and declared stale, until it is.
    may_serve: bool,
    /// The slot that holds the position because its envelope cannot be decoded.
    held_by: Option<Position>,
    /// The snapshot has an envelope that cannot be decoded.
    snapshot_unreadable: bool,
    announced: bool,
}

impl Readiness {
    pub(super) fn begin_epoch(&mut self) {
        self.held_by = None;
    }

    pub(super) fn slot_unreadable(&mut self, slot: Position) {
        self.held_by.get_or_insert(slot);
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
        self.held_by = self.held_by.filter(|slot| position < *slot);
    }

    pub(super) fn is_ready(&self) -> bool {
        self.may_serve && self.held_by.is_none() && !self.snapshot_unreadable
    }

    /// The new state, if it changed since this was asked last.
    pub(super) fn change(&mut self) -> Option<bool> {
        let ready = self.is_ready();
        let changed = ready != self.announced;
        self.announced = ready;
        changed.then_some(ready)
    }
}
