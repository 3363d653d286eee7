use std::{
    io::{self, Write},
    sync::{Arc, Mutex},
};

use tracing_subscriber::fmt::writer::BoxMakeWriter;

use super::config;
use crate::{Config, LogFormat};

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
    let (telemetry, dispatch) = crate::init::build(config, writer, false).unwrap();
    tracing::dispatcher::with_default(&dispatch, work);
    telemetry.shutdown().unwrap();
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
