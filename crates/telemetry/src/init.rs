//! One subscriber for the process, and its end.

use std::{
    fmt,
    io::{self, IsTerminal},
    sync::Arc,
    time::Duration,
};

use opentelemetry::trace::TracerProvider;
use opentelemetry_sdk::trace::SdkTracerProvider;
use tracing::Dispatch;
use tracing_subscriber::{
    EnvFilter, Layer, Registry,
    filter::ParseError,
    fmt::{format::JsonFields, writer::BoxMakeWriter},
    layer::SubscriberExt,
};

use crate::{
    export::{self, SpanCounts},
    installed::{Installed, install},
    lines::JsonLines,
};

/// How long [`Telemetry::shutdown`] waits for the last spans to leave.
pub const FLUSH_TIMEOUT: Duration = Duration::from_secs(5);

/// What to log and where traces go.
#[derive(Debug, Clone, PartialEq)]
pub struct Config {
    /// The service's name in traces, e.g. `pressrun-reader`.
    pub service_name: String,
    /// Which of its processes this is, e.g. `reader-3`.
    pub instance: String,
    /// Which events to log: directives as in `RUST_LOG`, e.g. `info,bus=debug`. Traces do not
    /// depend on it.
    pub filter: String,
    /// How log lines look.
    pub format: LogFormat,
    /// Base URL of an OTLP/HTTP collector, e.g. `http://127.0.0.1:4318`; without TLS. None: no
    /// traces are made. Batches obey OpenTelemetry's own variables (`OTEL_BSP_*`, but for the length
    /// of their queue).
    pub otlp_endpoint: Option<String>,
    /// The share of requests without a `traceparent` that are traced, 0 to 1; see
    /// [`Head`](crate::Head).
    pub trace_ratio: f64,
}

/// How log lines look.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum LogFormat {
    /// For people; in colour where standard error is a terminal.
    Text,
    /// One JSON object a line, with the event's fields beside `timestamp`, `level` and `target`.
    Json,
}

/// Why logs and traces could not be set up.
#[derive(Debug, thiserror::Error)]
pub enum InitError {
    /// The filter's directives cannot be read.
    #[error("RUST_LOG is not a list of directives such as info,bus=debug")]
    Filter(#[source] ParseError),
    /// The exporter of traces cannot be built. The endpoint may hold a password, so it is not told.
    #[error("traces cannot be exported to OTEL_EXPORTER_OTLP_ENDPOINT")]
    Exporter(#[source] export::ExportError),
    /// This process has a subscriber already.
    #[error("logs are set up already")]
    Twice,
}

/// The last spans did not leave.
#[derive(Debug, thiserror::Error)]
#[error("the last traces did not leave within {FLUSH_TIMEOUT:?}: {0}")]
pub struct ShutdownError(String);

/// Logs and traces of this process. To be shut down last.
#[must_use = "the last traces are lost unless it is shut down"]
pub struct Telemetry {
    provider: Option<SdkTracerProvider>,
}

/// Sets up logs and traces for the whole process.
///
/// # Errors
/// The filter or the endpoint cannot be used, or the process has a subscriber already. Whether a
/// collector answers is not looked at: traces are not worth a failed start.
pub fn init(config: &Config) -> Result<Telemetry, InitError> {
    let colours = io::stderr().is_terminal();
    let dispatch = lines(config, BoxMakeWriter::new(io::stderr), colours)?;
    let counts = Arc::new(SpanCounts::default());
    let provider = provider(config, &counts)?;
    tracing::dispatcher::set_global_default(dispatch).map_err(|_taken| InitError::Twice)?;
    if let Some(provider) = &provider {
        let installed = install(Installed {
            tracer: provider.tracer(env!("CARGO_PKG_NAME")),
            ratio: config.trace_ratio,
            counts,
        });
        debug_assert!(installed, "the subscriber was set for the first time");
    }
    Ok(Telemetry { provider })
}

/// What writes log lines.
pub(crate) fn lines(
    config: &Config,
    writer: BoxMakeWriter,
    colours: bool,
) -> Result<Dispatch, InitError> {
    let filter = EnvFilter::builder()
        .parse(&config.filter)
        .map_err(InitError::Filter)?;
    let lines = tracing_subscriber::fmt::layer().with_writer(writer);
    let lines = match config.format {
        LogFormat::Text => lines.with_ansi(colours).boxed(),
        LogFormat::Json => lines
            .fmt_fields(JsonFields::new())
            .event_format(JsonLines::new())
            .boxed(),
    };
    Ok(Dispatch::new(Registry::default().with(filter).with(lines)))
}

fn provider(
    config: &Config,
    counts: &Arc<SpanCounts>,
) -> Result<Option<SdkTracerProvider>, InitError> {
    let Some(endpoint) = &config.otlp_endpoint else {
        return Ok(None);
    };
    let provider = export::provider(config, endpoint, counts);
    provider.map(Some).map_err(InitError::Exporter)
}

impl Telemetry {
    /// Sends the last spans, for at most [`FLUSH_TIMEOUT`]. Blocks the thread: call it once the
    /// runtime has nothing left to do.
    ///
    /// # Errors
    /// They did not leave in time, or the collector refused them.
    pub fn shutdown(mut self) -> Result<(), ShutdownError> {
        let Some(provider) = self.provider.take() else {
            return Ok(());
        };
        provider
            .shutdown_with_timeout(FLUSH_TIMEOUT)
            .map_err(|error| ShutdownError(error.to_string()))
    }
}

impl fmt::Debug for Telemetry {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Telemetry")
            .field("exports", &self.provider.is_some())
            .finish_non_exhaustive()
    }
}
