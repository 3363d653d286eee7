//! Traces as a collector gets them, from processes of ours over real PostgreSQL and Redis.

mod faults;
mod reads;
mod receiver;
mod writes;

/// A `traceparent` of a trace with this number, from a step that nobody here made.
fn traceparent(trace: u128, flags: &str) -> String {
    format!("00-{trace:032x}-00000000000000ff-{flags}")
}

/// What makes a process send traces to a collector, of requests that ask for it and this share of
/// the others.
fn traced(collector: &str, ratio: &str) -> Vec<String> {
    vec![
        format!("--otel-exporter-otlp-endpoint={collector}"),
        format!("--otel-traces-sampler-arg={ratio}"),
        "--log-format=json".to_owned(),
    ]
}
