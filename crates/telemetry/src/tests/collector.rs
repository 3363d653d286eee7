//! A collector of one request, and what reaches it.

use std::{
    io::{BufRead, BufReader, Read, Write},
    net::TcpListener,
    sync::mpsc,
    thread,
    time::Duration,
};

use super::config;
use crate::{Config, InitError, init};

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

/// The one test that takes the process's subscriber.
#[test]
fn spans_reach_the_collector_and_a_second_setup_is_refused() {
    let (endpoint, exports) = collector();
    let config = Config {
        otlp_endpoint: Some(endpoint),
        ..config()
    };
    let telemetry = init(&config).unwrap();
    assert!(matches!(init(&super::config()), Err(InitError::Twice)));
    tracing::info_span!("publish", slot = 7).in_scope(|| tracing::info!("inside"));
    telemetry.shutdown().unwrap();
    let export = exports.recv_timeout(PATIENCE).unwrap();
    assert_eq!(export.line, "POST /v1/traces HTTP/1.1\r\n");
    for text in ["pressrun-test", "publish", "slot", "inside"] {
        assert!(
            contains(&export.content, text),
            "{text} is not in the export"
        );
    }
}

#[tokio::test]
async fn an_exporter_can_be_made_and_dropped_inside_a_runtime_without_a_collector() {
    let provider = crate::export::provider("test", "http://127.0.0.1:9").unwrap();
    drop(provider);
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
    assert!(matches!(init(&endpoint), Err(InitError::Exporter { .. })));
}
