//! A read is answered alike whether it is traced or not. What a trace shows, `e2e` has tests of.

use std::sync::Arc;

use http::HeaderValue;
use telemetry::Head;

use super::{documents, get};
use crate::{
    http::data::DataPlane,
    lane::{
        LaneCounts,
        answering::{Answering, Stop},
        sections::Place,
    },
};

const SAMPLED: &str = "traceparent: 00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01\r\n";

fn answering(head: Head) -> Answering {
    let (catalog, _writer) = documents();
    let cache_control = HeaderValue::from_static("no-cache");
    let plane = DataPlane::new(catalog, cache_control, Arc::new(|| false), Arc::default());
    let mut answering = Answering::new(&plane.tracing(head), LaneCounts::default());
    answering.set_date("Sat, 21 Nov 2026 12:00:00 GMT");
    answering
}

/// Requests answered, octets of them, octets of answers, and why it came to its end.
fn answers(head: Head, requests: &str) -> Vec<(u64, usize, Vec<u8>, Stop)> {
    let (mut answering, mut place) = (answering(head), Place::default());
    let twice = [(); 2].map(|()| {
        let answered = answering.answer(requests.as_bytes(), &mut place);
        let out = answering.out().to_vec();
        (answered.requests, answered.read, out, answered.stop)
    });
    twice.into()
}

#[test]
fn traced_reads_are_answered_as_others_are() {
    let head_request = get("plain", "").replace("GET", "HEAD");
    for requests in [
        [get("plain", ""), get("none", SAMPLED), head_request].concat(),
        get("coded", "Accept-Encoding: br\r\n") + &get("coded", "If-None-Match: *\r\n"),
        get("plain", SAMPLED) + "GET /post?id=pl",
        get("plain", "") + "POST /post HTTP/1.1\r\nHost: x\r\n\r\n",
        get("large", SAMPLED) + &get("plain", ""),
        // No position is reached: not for a lane.
        get("plain", &format!("{SAMPLED}Pressrun-At-Least: 1.1\r\n")),
    ] {
        let expected = answers(Head::OFF, &requests);
        for head in [
            Head::with_ratio(0.0),
            Head::with_ratio(0.5),
            Head::with_ratio(1.0),
        ] {
            assert_eq!(answers(head, &requests), expected, "{head:?}: {requests}");
        }
    }
}

#[test]
fn section_that_asks_for_a_trace_is_read_each_time() {
    for (flags, is_kept) in [("-01", false), ("-00", true)] {
        let (mut answering, mut place) = (answering(Head::with_ratio(0.0)), Place::default());
        let request = get("plain", &SAMPLED.replace("-01", flags));
        let answered = answering.answer(request.as_bytes(), &mut place);
        assert_eq!(answered.requests, 1);
        let (_line, section) = request.split_once("\r\n").unwrap();
        assert_eq!(
            answering.knows(place, section.as_bytes()),
            is_kept,
            "{flags}"
        );
    }
}
