//! Logs, traces and metrics, set up once per process.
//!
//! Logs go to standard error, as text or JSON. Traces go to a collector by OTLP over HTTP, if one
//! is named. Metrics are read when somebody asks for them.
//!
//! This is the only crate that knows OpenTelemetry: others begin a [`Span`] where [`Head`] says so.
//!
//! Traces leave through a thread of their own with a blocking HTTP client: exporters that share
//! the runtime of the work they describe can wait for each other for ever.

mod chain;
mod context;
mod export;
mod head;
mod init;
mod installed;
mod lines;
pub mod metrics;
mod throttle;
pub mod trace;

#[cfg(test)]
mod tests;

pub use chain::{Chain, chain};
pub use context::{TRACEPARENT_BYTES, TraceParent};
pub use export::ExportError;
pub use head::{Countdown, Head, Origin};
pub use init::{Config, FLUSH_TIMEOUT, InitError, LogFormat, ShutdownError, Telemetry, init};
pub use metrics::Metrics;
pub use throttle::Throttle;
pub use trace::{Kind, Span};
