//! One subscriber for the process, and its end.

use std::{
    fmt,
    io::{self, IsTerminal},
    time::Duration,
};

use opentelemetry::trace::TracerProvider;
use opentelemetry_sdk::trace::SdkTracerProvider;
use tracing::Dispatch;
use tracing_subscriber::{
    EnvFilter, Layer, Registry, filter::ParseError, fmt::writer::BoxMakeWriter,
    layer::SubscriberExt,
};

use crate::export;

/// How long [`Telemetry::shutdown`] waits for the last spans to leave.
pub const FLUSH_TIMEOUT: Duration = Duration::from_secs(5);

/// What to log and where traces go.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Config {
    /// The service's name in traces, e.g. `pressrun-reader`.
    pub service_name: String,
    /// Which events to log and which spans to make: directives as in `RUST_LOG`, e.g.
    /// `info,bus=debug`.
    pub filter: String,
    /// How log lines look.
    pub format: LogFormat,
    /// Base URL of an OTLP/HTTP collector, e.g. `http://127.0.0.1:4318`; without TLS. None: no
    /// traces are made. The sampler and the batches obey OpenTelemetry's own variables
    /// (`OTEL_TRACES_SAMPLER`, `OTEL_BSP_*`).
    pub otlp_endpoint: Option<String>,
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
    /// The exporter of traces cannot be built.
    #[error("traces cannot be exported to {endpoint}")]
    Exporter {
        /// Where they were to go.
        endpoint: String,
        /// What was wrong.
        #[source]
        source: export::ExportError,
    },
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
    let (telemetry, dispatch) = build(config, BoxMakeWriter::new(io::stderr), colours)?;
    tracing::dispatcher::set_global_default(dispatch).map_err(|_taken| InitError::Twice)?;
    Ok(telemetry)
}

pub(crate) fn build(
    config: &Config,
    writer: BoxMakeWriter,
    colours: bool,
) -> Result<(Telemetry, Dispatch), InitError> {
    let filter = EnvFilter::builder()
        .parse(&config.filter)
        .map_err(InitError::Filter)?;
    let provider = match &config.otlp_endpoint {
        None => None,
        Some(endpoint) => {
            let exported = export::provider(&config.service_name, endpoint);
            Some(exported.map_err(|source| InitError::Exporter {
                endpoint: endpoint.clone(),
                source,
            })?)
        }
    };
    let lines = tracing_subscriber::fmt::layer().with_writer(writer);
    let lines = match config.format {
        LogFormat::Text => lines.with_ansi(colours).boxed(),
        LogFormat::Json => lines
            .json()
            .flatten_event(true)
            .with_span_list(false)
            .boxed(),
    };
    let spans = provider.as_ref().map(|provider| {
        let tracer = provider.tracer(env!("CARGO_PKG_NAME"));
        tracing_opentelemetry::layer().with_tracer(tracer)
    });
    let dispatch = Dispatch::new(Registry::default().with(filter).with(lines).with(spans));
    Ok((Telemetry { provider }, dispatch))
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
