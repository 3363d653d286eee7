use std::{
    io::{self, Write},
    sync::{Arc, Mutex},
};

use opentelemetry::trace::TracerProvider;
use opentelemetry_sdk::trace::SdkTracerProvider;
use tracing_subscriber::fmt::writer::BoxMakeWriter;

use super::config;
use crate::{Config, Kind, LogFormat, Origin, Span, TraceParent};

#[derive(Clone, Default)]
struct Sink(Arc<Mutex<Vec<u8>>>);

impl Write for Sink {
    fn write(&mut self, buf: &[u8]) -> io::Result<usize> {
        self.0.lock().unwrap().write(buf)
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

/// What is written while `work` runs.
fn logged(config: &Config, work: impl FnOnce()) -> String {
    let sink = Sink::default();
    let twin = sink.clone();
    let writer = BoxMakeWriter::new(move || twin.clone());
    let dispatch = crate::init::lines(config, writer, false).unwrap();
    tracing::dispatcher::with_default(&dispatch, work);
    let octets = sink.0.lock().unwrap().clone();
    String::from_utf8(octets).unwrap()
}

#[test]
fn json_lines_are_json() {
    let text = logged(&config(), || {
        tracing::info_span!("request", id = "a\"b").in_scope(|| {
            tracing::warn!(size_bytes = 7, detail = "line\nbreak", "too \"large\"");
        });
        tracing::info!("second");
    });
    let lines: Vec<serde_json::Value> = text
        .lines()
        .map(|line| serde_json::from_str(line).unwrap())
        .collect();
    assert_eq!(lines.len(), 2, "{text}");
    assert_eq!(lines[0]["level"], "WARN");
    assert_eq!(lines[0]["message"], "too \"large\"");
    assert_eq!(lines[0]["size_bytes"], 7);
    assert_eq!(lines[0]["detail"], "line\nbreak");
    assert_eq!(lines[0]["span"]["id"], "a\"b");
    assert!(lines[0]["timestamp"].as_str().unwrap().ends_with('Z'));
}

#[test]
fn text_lines_are_for_people() {
    let config = Config {
        format: LogFormat::Text,
        ..config()
    };
    let text = logged(&config, || tracing::info!(port = 8081, "listening"));
    assert!(
        text.ends_with("INFO telemetry::tests::logs: listening port=8081\n"),
        "{text:?}"
    );
}

#[test]
fn the_filter_decides() {
    let quiet = Config {
        filter: "warn,bus=debug".to_owned(),
        ..config()
    };
    let text = logged(&quiet, || {
        tracing::info!("left out");
        tracing::debug!(target: "bus", "kept");
        tracing::warn!("kept too");
    });
    assert_eq!(text.lines().count(), 2, "{text}");
    assert!(!text.contains("left out"), "{text}");
}

#[tokio::test]
async fn json_lines_name_the_trace_that_they_belong_to() {
    let tracer = SdkTracerProvider::builder().build().tracer("test");
    let parent = b"00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01";
    let origin = Origin::Remote(TraceParent::parse(parent).unwrap());
    let request = Span::begin_by(&tracer, origin, Kind::Server, "request".into(), None);
    // Whatever is logged at all is logged with its ids.
    let config = Config {
        filter: "warn".to_owned(),
        ..config()
    };
    let sink = Sink::default();
    let twin = sink.clone();
    let dispatch =
        crate::init::lines(&config, BoxMakeWriter::new(move || twin.clone()), false).unwrap();
    let _default = tracing::dispatcher::set_default(&dispatch);
    tracing::warn!("before");
    let ids = request.to_parent().unwrap().to_string();
    request
        .around(async {
            tokio::task::yield_now().await;
            tracing::warn!(size_bytes = 7, "amid");
        })
        .await;
    tracing::warn!("after");

    let text = String::from_utf8(sink.0.lock().unwrap().clone()).unwrap();
    let lines: Vec<serde_json::Value> = text
        .lines()
        .map(|line| serde_json::from_str(line).unwrap())
        .collect();
    assert_eq!(lines.len(), 3, "{text}");
    assert_eq!(lines[1]["trace_id"], "0af7651916cd43dd8448eb211c80319c");
    assert_eq!(lines[1]["span_id"], ids[36..52]);
    assert_eq!(lines[1]["size_bytes"], 7);
    assert_eq!(lines[1]["message"], "amid");
    for line in [&lines[0], &lines[2]] {
        assert!(line.get("trace_id").is_none(), "{line}");
    }
}
