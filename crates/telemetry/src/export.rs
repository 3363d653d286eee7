//! Spans to a collector, by OTLP over HTTP.

use std::{io, thread, time::Duration};

use opentelemetry_otlp::{ExporterBuildError, Protocol, SpanExporter, WithExportConfig};
use opentelemetry_sdk::{
    Resource,
    trace::{BatchSpanProcessor, SdkTracerProvider},
};

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
    /// The endpoint cannot be used.
    #[error(transparent)]
    Endpoint(#[from] ExporterBuildError),
}

/// A provider whose spans leave in batches, through a thread of its own.
pub(crate) fn provider(
    service_name: &str,
    endpoint: &str,
) -> Result<SdkTracerProvider, ExportError> {
    let endpoint = format!("{}/v1/traces", endpoint.trim_end_matches('/'));
    // The blocking client refuses to be made on a thread of an async runtime.
    let building = thread::Builder::new()
        .name("otlp-setup".to_owned())
        .spawn(move || {
            SpanExporter::builder()
                .with_http()
                .with_protocol(Protocol::HttpBinary)
                .with_endpoint(endpoint)
                .with_timeout(EXPORT_TIMEOUT)
                .build()
        })
        .map_err(ExportError::Thread)?;
    let exporter = building.join().map_err(|_panic| ExportError::Client)??;
    let resource = Resource::builder()
        .with_service_name(service_name.to_owned())
        .build();
    Ok(SdkTracerProvider::builder()
        .with_span_processor(BatchSpanProcessor::builder(exporter).build())
        .with_resource(resource)
        .build())
}
