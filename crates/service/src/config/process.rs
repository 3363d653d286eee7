//! What every process here is asked: logs, traces, and how it ends.

use std::time::Duration;

use super::{RedactedUrl, Rejected, Setting, Settings, values};

/// Longest `DRAIN_DELAY` and `SHUTDOWN_GRACE`: an hour.
const DRAIN_MAX: Duration = Duration::from_hours(1);

/// The settings of [`Process`].
pub const SETTINGS: &[Setting] = &[
    Setting::new(
        "DRAIN_DELAY",
        Some("5s"),
        "How long to serve on after SIGTERM, so that gateways notice; 0 to 1h",
    ),
    Setting::new(
        "SHUTDOWN_GRACE",
        Some("10s"),
        "How long requests in flight may take after that; 0 to 1h",
    ),
    Setting::new(
        "RUST_LOG",
        Some("info"),
        "What to log, as tracing's directives",
    ),
    Setting::new(
        "LOG_FORMAT",
        Some("text"),
        "How to log, to standard error: text or json",
    ),
    Setting::new(
        "OTEL_EXPORTER_OTLP_ENDPOINT",
        None,
        "Where traces go by OTLP over HTTP, e.g. http://127.0.0.1:4318; without it, nowhere",
    ),
    Setting::new(
        "OTEL_SERVICE_NAME",
        None,
        "The service's name in traces; by default the program's",
    ),
    Setting::new(
        "OTEL_TRACES_SAMPLER",
        Some("parentbased_traceidratio"),
        "Which requests without a traceparent are traced: parentbased_traceidratio, parentbased_always_on or \
         parentbased_always_off; the others are where that says so",
    ),
    Setting::new(
        "OTEL_TRACES_SAMPLER_ARG",
        Some("0.001"),
        "The share of them for parentbased_traceidratio, 0 to 1",
    ),
];

/// How a process logs, traces and ends.
#[derive(Debug, Clone, PartialEq)]
pub struct Process {
    /// `DRAIN_DELAY`: serve on for so long after the first signal. Default 5 s, at most 1 h.
    pub drain_delay: Duration,
    /// `SHUTDOWN_GRACE`: what is in flight may take so long after that. Default 10 s, at most 1 h.
    pub shutdown_grace: Duration,
    /// `RUST_LOG`: directives of tracing's filter, not yet parsed. Default `info`.
    pub log_filter: String,
    /// `LOG_FORMAT`. Default text.
    pub log_format: LogFormat,
    /// `OTEL_EXPORTER_OTLP_ENDPOINT`: the base URL; traces go to `/v1/traces` below it. Default
    /// none: no traces.
    pub otlp_endpoint: Option<RedactedUrl>,
    /// `OTEL_SERVICE_NAME`. Default none: the program's name.
    pub service_name: Option<String>,
    /// `OTEL_TRACES_SAMPLER` and `OTEL_TRACES_SAMPLER_ARG`: the share of requests without a
    /// `traceparent` that are traced, 0 to 1. Default 0.001.
    pub trace_ratio: f64,
}

#[derive(Clone, Copy)]
enum Sampler {
    Ratio,
    Always,
    Never,
}

/// How log lines look.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum LogFormat {
    /// For people.
    Text,
    /// One JSON object a line.
    Json,
}

impl Process {
    /// Reads the settings of [`SETTINGS`].
    ///
    /// # Errors
    /// At least one is refused; all problems are noted.
    pub fn read(settings: &mut Settings) -> Result<Self, Rejected> {
        let drain_delay = settings.duration("DRAIN_DELAY", Duration::ZERO..=DRAIN_MAX);
        let shutdown_grace = settings.duration("SHUTDOWN_GRACE", Duration::ZERO..=DRAIN_MAX);
        let log_filter = settings.text("RUST_LOG");
        let formats = [("text", LogFormat::Text), ("json", LogFormat::Json)];
        let log_format = settings.choice("LOG_FORMAT", &formats);
        // Without TLS: a collector stands beside the process, and forwards.
        let otlp_endpoint =
            settings.optional("OTEL_EXPORTER_OTLP_ENDPOINT", values::url_of(&["http"]));
        let service_name = settings.optional("OTEL_SERVICE_NAME", values::text);
        let samplers = [
            ("parentbased_traceidratio", Sampler::Ratio),
            ("parentbased_always_on", Sampler::Always),
            ("parentbased_always_off", Sampler::Never),
        ];
        let sampler = settings.choice("OTEL_TRACES_SAMPLER", &samplers);
        let ratio = settings.required("OTEL_TRACES_SAMPLER_ARG", values::share);
        Ok(Self {
            drain_delay: drain_delay?,
            shutdown_grace: shutdown_grace?,
            log_filter: log_filter?,
            log_format: log_format?,
            otlp_endpoint: otlp_endpoint?,
            service_name: service_name?,
            trace_ratio: match (sampler?, ratio?) {
                (Sampler::Ratio, ratio) => ratio,
                (Sampler::Always, _) => 1.0,
                (Sampler::Never, _) => 0.0,
            },
        })
    }
}
