use tracing::{Dispatch, Span, info_span};
use tracing_subscriber::fmt::writer::BoxMakeWriter;

use super::config;
use crate::{Config, Telemetry, context};

const PARENT: &str = "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01";

/// Traces are made, and go nowhere.
fn tracing_on() -> (Telemetry, Dispatch) {
    let config = Config {
        otlp_endpoint: Some("http://127.0.0.1:9".to_owned()),
        ..config()
    };
    crate::init::build(&config, BoxMakeWriter::new(std::io::sink), false).unwrap()
}

#[test]
fn a_context_survives_the_journey() {
    let (_telemetry, dispatch) = tracing_on();
    tracing::dispatcher::with_default(&dispatch, || {
        let here = info_span!("commit");
        let text = context::of(&here).unwrap();
        assert_eq!(text.len(), context::TRACEPARENT_BYTES);
        assert!(context::is_sampled(&text), "{text}");

        let there = info_span!(parent: None, "apply");
        assert!(context::set_parent(&there, &text));
        let (trace, span) = context::identity(&there).unwrap();
        let (sent_trace, sent_span) = context::identity(&here).unwrap();
        assert_eq!(trace, sent_trace);
        assert_ne!(span, sent_span);
        there.in_scope(|| assert_eq!(context::current(), context::of(&Span::current())));
    });
}

#[test]
fn a_foreign_parent_is_kept() {
    let (_telemetry, dispatch) = tracing_on();
    tracing::dispatcher::with_default(&dispatch, || {
        let span = info_span!("request");
        assert!(context::set_parent(&span, PARENT));
        let (trace, _) = context::identity(&span).unwrap();
        assert_eq!(trace, "0af7651916cd43dd8448eb211c80319c");
    });
}

#[test]
fn what_is_no_context_is_ignored() {
    let (_telemetry, dispatch) = tracing_on();
    tracing::dispatcher::with_default(&dispatch, || {
        for text in [
            "",
            "nonsense",
            "00-00000000000000000000000000000000-b7ad6b7169203331-01",
            "00-0af7651916cd43dd8448eb211c80319c-0000000000000000-01",
            "ff-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01",
            "00-0af7651916cd43dd8448eb211c80319-b7ad6b7169203331-01",
            "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01-x",
        ] {
            assert!(
                !context::set_parent(&info_span!("request"), text),
                "{text:?}"
            );
        }
        assert_eq!(context::current(), None);
    });
}

#[test]
fn without_traces_there_is_no_context() {
    let sink = BoxMakeWriter::new(std::io::sink);
    let (_telemetry, dispatch) = crate::init::build(&config(), sink, false).unwrap();
    tracing::dispatcher::with_default(&dispatch, || {
        assert_eq!(context::current(), None);
        let span = info_span!("request");
        assert_eq!(context::of(&span), None);
        assert_eq!(context::identity(&span), None);
        assert!(!context::set_parent(&span, PARENT));
    });
}

#[test]
fn sampled_is_one_bit() {
    for (text, sampled) in [
        (PARENT, true),
        (
            "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-00",
            false,
        ),
        (
            "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-03",
            true,
        ),
        (
            "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-zz",
            false,
        ),
        (
            "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331",
            false,
        ),
        ("", false),
        ("ääääääääääääääääääääääääääääääää", false),
    ] {
        assert_eq!(context::is_sampled(text), sampled, "{text:?}");
    }
}
