//! Changes that belong to a trace: those that came over the feed with its context.
//!
//! What is hydrated, replayed or asked of a writer has none: it is stored without.

use shared::{Envelope, Extension};
use telemetry::{Kind, Origin, Span, TraceParent};

use super::Following;
use crate::catalog::Applied;

/// Applies an envelope that came with extensions.
#[cold]
pub(super) fn apply(following: &mut Following, envelope: &Envelope) {
    let step = step(envelope, following.source);
    let applied = following.catalog.apply(envelope, None);
    step.set("pressrun.applied", word(applied));
    step.end();
}

/// The step of its trace, if it names one.
fn step(envelope: &Envelope, source: &'static str) -> Span {
    let extensions = envelope.extensions.iter();
    let mut contexts = extensions.filter(|one| one.id == Extension::TRACE_CONTEXT);
    let parent = contexts.find_map(|one| TraceParent::parse(&one.octets));
    let Some(parent) = parent.filter(|parent| parent.is_sampled()) else {
        return Span::none();
    };
    let step = Span::begin(Origin::Remote(parent), Kind::Consumer, "apply feed");
    step.set("messaging.system", source);
    step.set("messaging.destination.name", "feed");
    step.set("messaging.operation.name", "apply");
    step.set("messaging.operation.type", "process");
    step.set("pressrun.position", envelope.position.to_string());
    step
}

const fn word(applied: Applied) -> &'static str {
    match applied {
        Applied::Newer => "newer",
        Applied::Mended => "mended",
        Applied::Recoded => "recoded",
        Applied::Older => "older",
        Applied::LeftOut => "left out",
    }
}
