//! A collector of one request, and what reaches it.

use std::{
    io::{BufRead, BufReader, Read, Write},
    net::TcpListener,
    sync::{Arc, mpsc},
    thread,
    time::Duration,
};

use super::config;
use crate::{Config, Head, InitError, Kind, Metrics, Origin, Span, init, trace};

const PATIENCE: Duration = Duration::from_secs(30);

#[derive(Debug)]
struct Export {
    line: String,
    content: Vec<u8>,
}

/// The base URL of a collector that takes one export.
fn collector() -> (String, mpsc::Receiver<Export>) {
    let listener = TcpListener::bind(("127.0.0.1", 0)).unwrap();
    let address = listener.local_addr().unwrap();
    let (send, receive) = mpsc::channel();
    thread::spawn(move || {
        let (stream, _) = listener.accept().unwrap();
        let mut reader = BufReader::new(stream);
        let mut line = String::new();
        reader.read_line(&mut line).unwrap();
        let mut length = 0;
        loop {
            let mut field = String::new();
            reader.read_line(&mut field).unwrap();
            if field == "\r\n" {
                break;
            }
            if let Some(value) = field.to_lowercase().strip_prefix("content-length:") {
                length = value.trim().parse().unwrap();
            }
        }
        let mut content = vec![0; length];
        reader.read_exact(&mut content).unwrap();
        let answer =
            b"HTTP/1.1 200 OK\r\ncontent-type: application/x-protobuf\r\ncontent-length: 0\r\n\r\n";
        reader.get_mut().write_all(answer).unwrap();
        send.send(Export { line, content }).unwrap();
    });
    (format!("http://{address}/"), receive)
}

fn contains(content: &[u8], text: &str) -> bool {
    content
        .windows(text.len())
        .any(|window| window == text.as_bytes())
}

/// The value of a line of metrics.
fn spans(metrics: &Metrics, outcome: &str) -> u64 {
    let text = metrics.to_text();
    let name = format!("pressrun_traces_spans_total{{outcome=\"{outcome}\"}} ");
    let value = text.lines().find_map(|line| line.strip_prefix(&*name));
    value.unwrap().parse().unwrap()
}

/// The one test that takes the process' subscriber and tracer.
#[test]
fn spans_reach_the_collector_and_a_second_setup_is_refused() {
    let mut metrics = Metrics::new();
    trace::register(&mut metrics);
    assert_eq!(Head::of_process(), Head::OFF);
    assert!(!Span::begin(Origin::Here, Kind::Server, "too early").is_traced());
    let (endpoint, exports) = collector();
    let config = Config {
        otlp_endpoint: Some(endpoint),
        trace_ratio: 0.25,
        ..config()
    };
    let telemetry = init(&config).unwrap();
    assert!(matches!(init(&super::config()), Err(InitError::Twice)));
    assert_eq!(Head::of_process(), Head::with_ratio(0.25));

    let request = Span::begin(Origin::Here, Kind::Server, "request");
    request.set("http.route", "/post");
    let publish = request.within(|| Span::current().child(Kind::Producer, "publish feed"));
    assert!(!Span::current().is_traced());
    publish.set_count("messaging.batch.message_count", 7);
    publish.fail("nobody listens");
    publish.end();
    let trace = request.to_parent().unwrap().to_string();
    assert_eq!(trace[..35], publish.to_parent().unwrap().to_string()[..35]);
    drop(request);
    assert_eq!(spans(&metrics, "sent"), 0);
    telemetry.shutdown().unwrap();
    assert_eq!(spans(&metrics, "sent"), 2);
    let export = exports.recv_timeout(PATIENCE).unwrap();
    assert_eq!(export.line, "POST /v1/traces HTTP/1.1\r\n");
    for text in [
        "pressrun-test",
        "service.instance.id",
        "test-1",
        "publish feed",
        "messaging.batch.message_count",
        "nobody listens",
        "http.route",
    ] {
        assert!(
            contains(&export.content, text),
            "{text} is not in the export"
        );
    }
}

#[tokio::test]
async fn an_exporter_can_be_made_and_dropped_inside_a_runtime_without_a_collector() {
    let made = crate::export::provider(&config(), "http://127.0.0.1:9", &Arc::default());
    drop(made.unwrap());
}

#[test]
fn bad_settings_are_errors() {
    let filter = Config {
        filter: "info,=,[".to_owned(),
        ..config()
    };
    assert!(matches!(init(&filter), Err(InitError::Filter(_))));
    let endpoint = Config {
        otlp_endpoint: Some("no url".to_owned()),
        ..config()
    };
    assert!(matches!(init(&endpoint), Err(InitError::Exporter(_))));
}

#[test]
fn an_endpoint_that_cannot_be_used_keeps_its_password() {
    let endpoint = Config {
        otlp_endpoint: Some("http://user:s3cret^@collector".to_owned()),
        ..config()
    };
    let error = init(&endpoint).expect_err("no URL");
    let mut cause: Option<&dyn std::error::Error> = Some(&error);
    while let Some(one) = cause {
        assert!(!one.to_string().contains("s3cret"), "{one}");
        cause = one.source();
    }
}
