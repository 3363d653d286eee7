//! A receiver of traces: OTLP over HTTP, decoded.

use std::{
    collections::BTreeMap,
    sync::{Arc, Mutex},
};

use axum::{Router, body::Bytes, extract::State, http::HeaderMap, routing::post};
use opentelemetry_proto::tonic::{
    collector::trace::v1::ExportTraceServiceRequest,
    common::v1::{AnyValue, KeyValue, any_value::Value},
    trace::v1::{Span, span::SpanKind, status::StatusCode},
};
use prost::Message;
use testkit::eventually;
use tokio::{net::TcpListener, task::JoinHandle};

/// Ends when it is dropped.
pub(super) struct Receiver {
    pub(super) url: String,
    steps: Steps,
    serving: JoinHandle<()>,
}

type Steps = Arc<Mutex<Vec<Step>>>;

/// A span, and who made it.
#[derive(Debug, Clone)]
pub(super) struct Step {
    pub(super) service: String,
    pub(super) instance: String,
    pub(super) trace: u128,
    pub(super) id: u64,
    /// 0 of the first.
    pub(super) parent: u64,
    pub(super) name: String,
    pub(super) kind: SpanKind,
    pub(super) attributes: BTreeMap<String, String>,
    pub(super) has_failed: bool,
}

impl Receiver {
    pub(super) async fn start() -> Self {
        let steps = Steps::default();
        let router = Router::new()
            .route("/v1/traces", post(receive))
            .with_state(Arc::clone(&steps));
        let listener = TcpListener::bind("127.0.0.1:0").await;
        let listener = listener.expect("a free port");
        let address = listener.local_addr().expect("it is bound");
        let serving =
            tokio::spawn(async { axum::serve(listener, router).await.expect("it serves") });
        Self {
            url: format!("http://{address}"),
            steps,
            serving,
        }
    }

    /// All that came so far, in that order.
    pub(super) fn steps(&self) -> Vec<Step> {
        self.steps.lock().expect("nobody panicked with it").clone()
    }

    /// Those of a trace, once there are so many.
    pub(super) async fn trace(&self, trace: u128, count: usize) -> Vec<Step> {
        eventually("the trace has come", async || {
            let steps = self.steps().into_iter();
            let found: Vec<Step> = steps.filter(|step| step.trace == trace).collect();
            (found.len() >= count).then_some(found)
        })
        .await
    }
}

impl Drop for Receiver {
    fn drop(&mut self) {
        self.serving.abort();
    }
}

impl Step {
    pub(super) fn attribute(&self, name: &str) -> &str {
        self.attributes.get(name).map_or("", String::as_str)
    }
}

async fn receive(State(steps): State<Steps>, headers: HeaderMap, content: Bytes) {
    assert_eq!(headers["content-type"], "application/x-protobuf");
    let request = ExportTraceServiceRequest::decode(content).expect("it can be decoded");
    let mut steps = steps.lock().expect("nobody panicked with it");
    for from in request.resource_spans {
        let resource = attributes(from.resource.unwrap_or_default().attributes);
        let spans = from.scope_spans.into_iter().flat_map(|scope| scope.spans);
        steps.extend(spans.map(|span| step(&resource, span)));
    }
}

fn step(resource: &BTreeMap<String, String>, span: Span) -> Step {
    let id = |octets: &[u8]| octets.try_into().map_or(0, u64::from_be_bytes);
    Step {
        service: resource["service.name"].clone(),
        instance: resource["service.instance.id"].clone(),
        trace: u128::from_be_bytes(span.trace_id[..].try_into().expect("16 octets")),
        id: id(&span.span_id),
        parent: id(&span.parent_span_id),
        kind: span.kind(),
        has_failed: span.status.is_some_and(|it| it.code() == StatusCode::Error),
        name: span.name,
        attributes: attributes(span.attributes),
    }
}

fn attributes(all: Vec<KeyValue>) -> BTreeMap<String, String> {
    all.into_iter()
        .map(|one| (one.key, text(one.value)))
        .collect()
}

fn text(value: Option<AnyValue>) -> String {
    match value.and_then(|any| any.value) {
        Some(Value::StringValue(text)) => text,
        Some(Value::IntValue(number)) => number.to_string(),
        Some(Value::BoolValue(is)) => is.to_string(),
        other => panic!("not what we send: {other:?}"),
    }
}
