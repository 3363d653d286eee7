//! Spans to a collector, by OTLP over HTTP.
//!
//! They wait in a queue of [`QUEUE_MAX`], on the far side of which a thread of its own sends them. A
//! span that finds it full is dropped and counted: whoever makes spans never waits.

use std::{
    io,
    sync::{
        Arc,
        atomic::{AtomicU64, AtomicUsize, Ordering},
    },
    thread,
    time::Duration,
};

use opentelemetry::{Context, KeyValue};
use opentelemetry_otlp::{ExporterBuildError, Protocol, SpanExporter as Otlp, WithExportConfig};
use opentelemetry_sdk::{
    Resource,
    error::OTelSdkResult,
    resource::EnvResourceDetector,
    trace::{
        BatchConfigBuilder, BatchSpanProcessor, Sampler, SdkTracerProvider, Span, SpanData,
        SpanExporter, SpanProcessor,
    },
};

use crate::Config;

/// Spans that wait to be sent, those under way included; one more is dropped.
pub(crate) const QUEUE_MAX: usize = 2048;

/// How long one batch may take; then it is dropped. Below [`crate::FLUSH_TIMEOUT`].
const EXPORT_TIMEOUT: Duration = Duration::from_secs(3);

/// Why no exporter could be built.
#[derive(Debug, thiserror::Error)]
pub enum ExportError {
    /// No thread could be started.
    #[error("no thread could be started")]
    Thread(#[source] io::Error),
    /// The HTTP client could not be set up.
    #[error("the HTTP client failed while it was set up")]
    Client,
    /// The endpoint cannot be used. The text shows `***` in its place: it may hold a password.
    #[error("{0}")]
    Endpoint(String),
}

/// What became of spans.
#[derive(Debug, Default)]
pub(crate) struct SpanCounts {
    waiting: AtomicUsize,
    sent: AtomicU64,
    failed: AtomicU64,
    dropped: AtomicU64,
}

impl SpanCounts {
    pub(crate) const OUTCOMES: &'static [&'static str] = &["sent", "failed", "dropped"];

    /// By the index of its outcome.
    pub(crate) fn get(&self, index: usize) -> u64 {
        [&self.sent, &self.failed, &self.dropped][index].load(Ordering::Relaxed)
    }
}

/// A provider whose spans leave in batches, through a thread of its own. It records all that it is
/// asked to make: who asks has chosen already.
pub(crate) fn provider(
    config: &Config,
    endpoint: &str,
    counts: &Arc<SpanCounts>,
) -> Result<SdkTracerProvider, ExportError> {
    let endpoint = format!("{}/v1/traces", endpoint.trim_end_matches('/'));
    let untold = endpoint.clone();
    // The blocking client refuses to be made on a thread of an async runtime.
    let building = thread::Builder::new()
        .name("otlp-setup".to_owned())
        .spawn(move || {
            Otlp::builder()
                .with_http()
                .with_protocol(Protocol::HttpBinary)
                .with_endpoint(endpoint)
                .with_timeout(EXPORT_TIMEOUT)
                .build()
        })
        .map_err(ExportError::Thread)?;
    let built = building.join().map_err(|_panic| ExportError::Client)?;
    let exporter = built.map_err(|error: ExporterBuildError| {
        ExportError::Endpoint(error.to_string().replace(&untold, "***"))
    })?;
    Ok(provider_by(exporter, resource(config), counts))
}

pub(crate) fn provider_by(
    exporter: impl SpanExporter + 'static,
    resource: Resource,
    counts: &Arc<SpanCounts>,
) -> SdkTracerProvider {
    let exporter = Counted {
        exporter,
        counts: Arc::clone(counts),
    };
    let batches = BatchConfigBuilder::default()
        .with_max_queue_size(QUEUE_MAX)
        .build();
    let processor = BatchSpanProcessor::builder(exporter).with_batch_config(batches);
    SdkTracerProvider::builder()
        .with_sampler(Sampler::AlwaysOn)
        .with_span_processor(Bounded {
            processor: processor.build(),
            counts: Arc::clone(counts),
        })
        .with_resource(resource)
        .build()
}

/// Who sends. What `OTEL_RESOURCE_ATTRIBUTES` says goes before all but the service's name.
fn resource(config: &Config) -> Resource {
    Resource::builder_empty()
        .with_attributes([
            KeyValue::new("service.instance.id", config.instance.clone()),
            KeyValue::new("service.version", env!("CARGO_PKG_VERSION")),
        ])
        .with_detector(Box::new(EnvResourceDetector::new()))
        .with_service_name(config.service_name.clone())
        .build()
}

/// Lets spans into the queue as long as there is room in it.
#[derive(Debug)]
struct Bounded {
    processor: BatchSpanProcessor,
    counts: Arc<SpanCounts>,
}

impl SpanProcessor for Bounded {
    fn on_start(&self, span: &mut Span, cx: &Context) {
        self.processor.on_start(span, cx);
    }

    fn on_end(&self, span: SpanData) {
        if self.counts.waiting.fetch_add(1, Ordering::Relaxed) < QUEUE_MAX {
            self.processor.on_end(span);
        } else {
            self.counts.waiting.fetch_sub(1, Ordering::Relaxed);
            self.counts.dropped.fetch_add(1, Ordering::Relaxed);
        }
    }

    fn force_flush(&self) -> OTelSdkResult {
        self.processor.force_flush()
    }

    fn shutdown_with_timeout(&self, timeout: Duration) -> OTelSdkResult {
        self.processor.shutdown_with_timeout(timeout)
    }

    fn set_resource(&mut self, resource: &Resource) {
        self.processor.set_resource(resource);
    }
}

/// Counts what leaves the queue.
#[derive(Debug)]
struct Counted<E> {
    exporter: E,
    counts: Arc<SpanCounts>,
}

impl<E: SpanExporter> SpanExporter for Counted<E> {
    async fn export(&self, batch: Vec<SpanData>) -> OTelSdkResult {
        let len = batch.len();
        let exported = self.exporter.export(batch).await;
        let counter = match exported {
            Ok(()) => &self.counts.sent,
            Err(_) => &self.counts.failed,
        };
        counter.fetch_add(len as u64, Ordering::Relaxed);
        self.counts.waiting.fetch_sub(len, Ordering::Relaxed);
        exported
    }

    fn shutdown_with_timeout(&self, timeout: Duration) -> OTelSdkResult {
        self.exporter.shutdown_with_timeout(timeout)
    }

    fn force_flush(&self) -> OTelSdkResult {
        self.exporter.force_flush()
    }

    fn set_resource(&mut self, resource: &Resource) {
        self.exporter.set_resource(resource);
    }
}
