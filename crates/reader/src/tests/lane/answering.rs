//! What a lane writes, without sockets.

use std::sync::Arc;

use allocation_counter::measure;
use http::HeaderValue;

use super::{documents, get, take_reply};
use crate::{
    http::data::DataPlane,
    lane::{
        LaneCounts,
        answering::{Answering, Stop},
        sections::Place,
    },
};

fn answering() -> Answering {
    let (catalog, _writer) = documents();
    let cache_control = HeaderValue::from_static("no-cache");
    let plane = DataPlane::new(catalog, cache_control, Arc::new(|| false), Arc::default());
    let mut answering = Answering::new(&plane, LaneCounts::default());
    answering.set_date("Sat, 21 Nov 2026 12:00:00 GMT");
    answering
}

#[test]
fn answers_allocate_nothing_once_the_buffer_has_grown() {
    let (mut answering, mut place) = (answering(), Place::default());
    let tag = "If-None-Match: \"0123456789abcdef0123456789abcdef\"\r\n";
    let requests = [
        get("plain", ""),
        get("plain", tag),
        get(
            "coded",
            "Accept-Encoding: gzip, br;q=0.9\r\nIf-None-Match: *\r\n",
        ),
        get("none", ""),
        get("coded", "X-Request-Id: 1\r\n"),
        get("plain", "X-Request-Id: 23\r\n"),
    ]
    .concat();
    let first = answering.answer(requests.as_bytes(), &mut place);
    assert_eq!((first.requests, first.read), (6, requests.len()));
    let counted = measure(|| {
        let again = answering.answer(requests.as_bytes(), &mut place);
        assert_eq!(again.requests, 6);
    });
    assert_eq!(counted.count_total, 0);
}

#[test]
fn long_content_is_left_where_it_lies() {
    let (mut answering, mut place) = (answering(), Place::default());
    let requests = get("large", "") + &get("plain", "");
    let answered = answering.answer(requests.as_bytes(), &mut place);
    assert_eq!((answered.requests, answered.stop), (1, Stop::Full));
    assert!(answered.content.is_some());
    assert!(answering.out().len() < 1024);
    let rest = &requests.as_bytes()[answered.read..];
    let answered = answering.answer(rest, &mut place);
    assert_eq!((answered.requests, answered.stop), (1, Stop::Partial));
    assert!(answered.content.is_none());
}

#[test]
fn every_answer_bears_the_date_that_was_set() {
    let (mut answering, mut place) = (answering(), Place::default());
    answering.set_date("Sat, 21 Nov 2026 12:00:01 GMT");
    for id in ["plain", "none"] {
        answering.answer(get(id, "").as_bytes(), &mut place);
        let mut octets = answering.out().to_vec();
        let head = String::from_utf8_lossy(&octets).into_owned();
        assert!(
            head.contains("\r\ndate: Sat, 21 Nov 2026 12:00:01 GMT\r\n"),
            "{head}"
        );
        assert!(take_reply(&mut octets, true).is_some());
    }
}
