//! Logs, traces and metrics, set up once per process.
//!
//! Logs go to standard error, as text or JSON. Traces go to a collector by OTLP over HTTP, if one
//! is named. Metrics are read when somebody asks for them.
//!
//! This is the only crate that knows OpenTelemetry: what the others need of it (the trace context
//! that travels with a change) is text here.
//!
//! Traces leave through a thread of their own with a blocking HTTP client: exporters that share
//! the runtime of the work they describe can wait for each other for ever.

pub mod context;
mod export;
mod init;
pub mod metrics;

#[cfg(test)]
mod tests;

pub use export::ExportError;
pub use init::{Config, FLUSH_TIMEOUT, InitError, LogFormat, ShutdownError, Telemetry, init};
pub use metrics::Metrics;
