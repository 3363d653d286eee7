//! What traces show of a batch: of each traced write in it a step, all with the batch's times.
//!
//! A step each, rather than one for the batch that all link to, so that the trace of a request holds
//! all that became of it.

use shared::Slot;
use telemetry::{Kind, Span};

use super::queue::Queued;

/// Begins a step of each traced write.
pub(super) fn begin(part: &mut [Queued], system: &'static str) {
    let len = part.len();
    for queued in part.iter_mut().filter(|one| one.request.is_traced()) {
        let step = queued.request.child(Kind::Client, "commit");
        step.set("db.system.name", system);
        step.set("db.operation.name", "commit");
        step.set_count("db.operation.batch.size", len);
        queued.step = step;
    }
}

/// Ends a step that was committed, as this change if it made one.
pub(super) fn succeed(step: &Span, slot: Option<Slot>) {
    if step.is_traced() {
        if let Some(slot) = slot {
            step.set("pressrun.position", slot.position.to_string());
        }
        step.end();
    }
}

/// Ends the steps of a batch that was not committed.
pub(super) fn fail(part: &[Queued], how: &'static str) {
    for queued in part {
        queued.step.set("error.type", how);
        queued.step.fail(how);
        queued.step.end();
    }
}

/// The first of a batch, for what is told once of all.
pub(super) fn first(part: &[Queued]) -> Span {
    let mut steps = part.iter().map(|queued| &queued.step);
    steps
        .find(|step| step.is_traced())
        .cloned()
        .unwrap_or_default()
}
