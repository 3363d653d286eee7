//! Spans: what a traced request came to, step by step.
//!
//! Made only below a request that [`Head`](crate::Head) has chosen. Everything else has
//! [`Span::none`], which costs a look at an option; so code says what is to be seen of it once,
//! whether it is traced or not.
//!
//! Names, kinds and attributes follow OpenTelemetry's semantic conventions for HTTP servers,
//! database clients and messaging; what these have no name for begins with `pressrun.`.

use std::{
    borrow::Cow,
    fmt,
    time::{Duration, SystemTime},
};

use opentelemetry::{
    Context, KeyValue, Value,
    trace::{FutureExt, SpanKind, Status, TraceContextExt, Tracer},
};
use opentelemetry_sdk::trace::SdkTracer;

use crate::{
    Metrics, context::TraceParent, export::SpanCounts, head::Origin, installed::installed,
};

/// Registers what becomes of this process' spans, under `traces`.
pub fn register(metrics: &mut Metrics) {
    metrics.area("traces").counters_by(
        "spans",
        "Spans by what became of them",
        None,
        "outcome",
        SpanCounts::OUTCOMES,
        |index| installed().map_or(0, |installed| installed.counts.get(index)),
    );
}

/// The side of a step.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Kind {
    /// Answers a request.
    Server,
    /// Asks another process, and waits.
    Client,
    /// Hands a message over that others take later.
    Producer,
    /// Takes such a message.
    Consumer,
}

/// A step of a traced request, or nothing. Ends with [`Self::end`], or when the last clone is dropped.
///
/// Two are equal where they are the same step.
#[derive(Clone, Default)]
#[must_use = "a span that nobody holds has ended"]
pub struct Span(Option<Context>);

impl Span {
    /// Of what is not traced.
    pub const fn none() -> Self {
        Self(None)
    }

    /// Begins the first step here of a request that is traced.
    pub fn begin(origin: Origin, kind: Kind, name: impl Into<Cow<'static, str>>) -> Self {
        installed().map_or_else(Self::none, |installed| {
            Self::begin_by(&installed.tracer, origin, kind, name.into(), None)
        })
    }

    /// Makes a step that has just ended after this long, where what it is called and whether it is
    /// to be told of showed only then.
    pub fn begun_before(
        elapsed: Duration,
        origin: Origin,
        kind: Kind,
        name: impl Into<Cow<'static, str>>,
    ) -> Self {
        installed().map_or_else(Self::none, |installed| {
            Self::begin_by(&installed.tracer, origin, kind, name.into(), Some(elapsed))
        })
    }

    pub(crate) fn begin_by(
        tracer: &SdkTracer,
        origin: Origin,
        kind: Kind,
        name: Cow<'static, str>,
        elapsed: Option<Duration>,
    ) -> Self {
        let parent = match origin {
            Origin::Here => Context::new(),
            Origin::Remote(parent) => Context::new().with_remote_span_context(parent.to_remote()),
        };
        Self::below(tracer, &parent, kind, name, elapsed)
    }

    fn below(
        tracer: &SdkTracer,
        parent: &Context,
        kind: Kind,
        name: Cow<'static, str>,
        elapsed: Option<Duration>,
    ) -> Self {
        let mut builder = tracer.span_builder(name).with_kind(kind.into());
        builder.start_time = elapsed.and_then(began);
        let span = tracer.build_with_context(builder, parent);
        Self(Some(parent.with_span(span)))
    }

    /// Begins a step below this one.
    pub fn child(&self, kind: Kind, name: impl Into<Cow<'static, str>>) -> Self {
        match (&self.0, installed()) {
            (Some(parent), Some(installed)) => {
                Self::below(&installed.tracer, parent, kind, name.into(), None)
            }
            _ => Self::none(),
        }
    }

    /// The step that the calling task or thread is in; see [`Self::around`] and [`Self::within`].
    pub fn current() -> Self {
        Context::map_current(|context| Self(context.has_active_span().then(|| context.clone())))
    }

    /// Whether there is one.
    pub const fn is_traced(&self) -> bool {
        self.0.is_some()
    }

    /// Notes an attribute.
    pub fn set(&self, name: &'static str, value: impl Into<Value>) {
        if let Some(context) = &self.0 {
            let attribute = KeyValue::new(name, value);
            context.span().set_attribute(attribute);
        }
    }

    /// Notes a number of things.
    pub fn set_count(&self, name: &'static str, count: usize) {
        self.set(name, i64::try_from(count).unwrap_or(i64::MAX));
    }

    /// Notes that the step has failed, and how.
    pub fn fail(&self, how: impl Into<Cow<'static, str>>) {
        if let Some(context) = &self.0 {
            context.span().set_status(Status::error(how));
        }
    }

    /// Ends it. What is noted later is lost.
    pub fn end(&self) {
        if let Some(context) = &self.0 {
            context.span().end();
        }
    }

    /// How others name it, so that what they do becomes a part of its trace.
    pub fn to_parent(&self) -> Option<TraceParent> {
        TraceParent::of(self.0.as_ref()?.span().span_context())
    }

    /// Runs a future that is in this step: lines that it logs bear its ids.
    ///
    /// # Cancel safety
    /// That of the future.
    pub async fn around<F: Future>(self, future: F) -> F::Output {
        match self.0 {
            Some(context) => future.with_context(context).await,
            None => future.await,
        }
    }

    /// Runs what is in this step, at once.
    pub fn within<R>(&self, work: impl FnOnce() -> R) -> R {
        let _attached = self.0.clone().map(Context::attach);
        work()
    }
}

impl PartialEq for Span {
    fn eq(&self, other: &Self) -> bool {
        self.to_parent() == other.to_parent()
    }
}

impl Eq for Span {}

impl fmt::Debug for Span {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("Span").field(&self.to_parent()).finish()
    }
}

impl From<Kind> for SpanKind {
    fn from(kind: Kind) -> Self {
        match kind {
            Kind::Server => Self::Server,
            Kind::Client => Self::Client,
            Kind::Producer => Self::Producer,
            Kind::Consumer => Self::Consumer,
        }
    }
}

#[expect(
    clippy::disallowed_methods,
    reason = "spans bear wall clock times, and nothing is decided by them"
)]
fn began(elapsed: Duration) -> Option<SystemTime> {
    SystemTime::now().checked_sub(elapsed)
}
