//! Failures, as people meet them in the log.

use std::{
    io::{self, Write},
    sync::{Arc, Mutex},
};

use super::Failures;
use crate::store::StoreError;

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

/// The lines that are logged while `work` runs.
fn logged(work: impl FnOnce()) -> Vec<String> {
    let sink = Sink::default();
    let twin = sink.clone();
    let subscriber = tracing_subscriber::fmt()
        .with_ansi(false)
        .with_writer(move || twin.clone())
        .finish();
    tracing::subscriber::with_default(subscriber, work);
    let text = String::from_utf8(sink.0.lock().unwrap().clone()).unwrap();
    text.lines().map(str::to_owned).collect()
}

fn away() -> StoreError {
    let refused = io::Error::from(io::ErrorKind::ConnectionRefused);
    StoreError::Unavailable {
        operation: "committing",
        source: sqlx::Error::Io(refused),
    }
}

#[test]
fn an_outage_is_logged_at_its_begin_and_at_its_end() {
    let lines = logged(|| {
        let failures = Failures::default();
        for _ in 0..100 {
            failures.note(&away(), 7);
        }
        failures.note_success();
        failures.note_success();
        failures.note(&away(), 1);
    });
    assert_eq!(lines.len(), 3, "{lines:#?}");
    assert!(lines[0].contains("ERROR"), "{}", lines[0]);
    assert!(lines[0].contains("mutations=7 unlogged=0"), "{}", lines[0]);
    assert!(
        lines[1].contains("committed again unlogged=99"),
        "{}",
        lines[1]
    );
    assert!(lines[2].contains("mutations=1 unlogged=0"), "{}", lines[2]);
}

#[test]
fn a_cause_is_told_once() {
    let lines = logged(|| Failures::default().note(&away(), 1));
    assert!(
        lines[0].contains("error=committing failed: "),
        "{}",
        lines[0]
    );
    let told = lines[0].matches("connection refused").count();
    assert_eq!(told, 1, "{}", lines[0]);
}

#[test]
fn documents_that_are_refused_neither_begin_nor_end_an_outage() {
    let lines = logged(|| {
        let failures = Failures::default();
        failures.note(&StoreError::Refused(sqlx::Error::RowNotFound), 1);
        failures.note_success();
        failures.note(&away(), 1);
    });
    assert_eq!(lines.len(), 2, "{lines:#?}");
}
