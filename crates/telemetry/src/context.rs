//! Trace context as text: the `traceparent` of W3C Trace Context, level 1.

use std::collections::HashMap;

use opentelemetry::{
    propagation::TextMapPropagator,
    trace::{SpanContext, TraceContextExt},
};
use opentelemetry_sdk::propagation::TraceContextPropagator;
use tracing::Span;
use tracing_opentelemetry::OpenTelemetrySpanExt;

const FIELD: &str = "traceparent";

/// Octets of a `traceparent` of version 00: `00-<32>-<16>-<2>`.
pub const TRACEPARENT_BYTES: usize = 55;

/// The current span as a `traceparent`; none outside spans, or where no traces are made.
pub fn current() -> Option<String> {
    of(&Span::current())
}

/// A span as a `traceparent`; none where no traces are made.
pub fn of(span: &Span) -> Option<String> {
    let mut fields = HashMap::new();
    TraceContextPropagator::new().inject_context(&span.context(), &mut fields);
    fields.remove(FIELD)
}

/// Makes `span` a child of the span that a `traceparent` names.
///
/// Must be called before the span is first entered. Gives whether it was done: texts that are no
/// `traceparent` are ignored, and so is everything where no traces are made.
pub fn set_parent(span: &Span, traceparent: &str) -> bool {
    if !has_shape(traceparent.as_bytes()) {
        return false;
    }
    let fields = HashMap::from([(FIELD.to_owned(), traceparent.to_owned())]);
    let context = TraceContextPropagator::new().extract(&fields);
    let is_valid = context.span().span_context().is_valid();
    is_valid && span.set_parent(context).is_ok()
}

/// Whether a `traceparent` says that its trace is recorded. Allocates nothing, so that paths that
/// cannot afford a span for each request can ask first. False for any other text.
pub fn is_sampled(traceparent: &str) -> bool {
    let flags = || u8::from_str_radix(traceparent.get(53..55)?, 16).ok();
    has_shape(traceparent.as_bytes()) && flags().is_some_and(|flags| flags & 1 == 1)
}

/// Whether the fields lie where they must. Later versions may be longer; OpenTelemetry itself
/// takes ids that are too short.
fn has_shape(octets: &[u8]) -> bool {
    let long_enough = octets.len() == TRACEPARENT_BYTES
        || (octets.len() > TRACEPARENT_BYTES
            && !octets.starts_with(b"00")
            && octets[TRACEPARENT_BYTES] == b'-');
    long_enough && [2, 35, 52].iter().all(|&at| octets[at] == b'-')
}

/// The trace and span that `span` belongs to, for tests and log lines.
pub fn identity(span: &Span) -> Option<(String, String)> {
    let context = span.context();
    let found: SpanContext = context.span().span_context().clone();
    found
        .is_valid()
        .then(|| (found.trace_id().to_string(), found.span_id().to_string()))
}
