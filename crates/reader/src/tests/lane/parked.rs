//! Requests for what is not in memory wait in the lane.

use std::{io::Write, time::Instant};

use super::{LIMITS, PATIENCE, Pair, ask, at, get, put, read_replies, read_reply};
use crate::{
    catalog::{CatalogConfig, catalog},
    fetch::{Ask, Asked, Fetched, fetches},
};

/// A lane over a set that is not whole, and what it asks for.
fn bounded() -> (Pair, Asked) {
    let bytes_max = Some(16 * 1024);
    let (reading, mut writer) = catalog(CatalogConfig { bytes_max });
    for sequence in 1..=1000 {
        writer.apply(&put(&format!("posts/{sequence}"), sequence, "{}"), None);
        writer.settle(at(sequence));
    }
    writer.set_ready(true);
    writer.apply(&put("posts/held", 1001, r#"{"held":1}"#), None);
    assert!(reading.is_partial());
    let (fetcher, asked) = fetches(1);
    (Pair::over((reading, writer), LIMITS, Some(fetcher)), asked)
}

/// A lane tells its counts after it has answered.
fn until(is: impl Fn() -> bool) {
    let began = Instant::now();
    while !is() {
        assert!(began.elapsed() < PATIENCE, "the lane counts otherwise");
        std::thread::yield_now();
    }
}

fn next(asked: &mut Asked) -> Ask {
    asked.asks.blocking_recv().expect("the lane lives")
}

#[test]
fn a_request_waits_until_its_document_is_there() {
    let (mut pair, mut asked) = bounded();
    let mut stream = pair.connect();
    stream.write_all(get("missing", "").as_bytes()).unwrap();
    let wanted = next(&mut asked);
    assert_eq!(wanted.key.as_str(), "posts/missing");
    // Others are served meanwhile.
    assert_eq!(ask(&mut pair.connect(), &get("held", "")).status, 200);
    pair.writer
        .apply(&put("posts/missing", 1002, r#"{"here":1}"#), None);
    (wanted.reply)(Fetched::Held);
    let reply = read_reply(&mut stream);
    assert_eq!(
        (reply.status, &*reply.content),
        (200, &br#"{"here":1}"#[..])
    );
    // The lane has it still.
    assert_eq!(ask(&mut stream, &get("held", "")).status, 200);
    until(|| pair.by_lane().hit == 3);
    assert_eq!(pair.by_server().hit, 0);
}

#[test]
fn absence_is_404_and_a_refusal_503_each_once() {
    let (pair, mut asked) = bounded();
    let mut stream = pair.connect();
    for (fetched, status, kind) in [
        (Fetched::Absent, 404, "no-such-document"),
        (Fetched::Refused, 503, "unfetched"),
        (Fetched::Absent, 404, "no-such-document"),
    ] {
        stream.write_all(get("missing", "").as_bytes()).unwrap();
        (next(&mut asked).reply)(fetched);
        let reply = read_reply(&mut stream);
        assert_eq!(reply.status, status);
        let content = String::from_utf8(reply.content.clone()).unwrap();
        assert!(content.contains(kind), "{content}");
        assert_eq!(reply.field("retry-after").is_some(), status == 503);
    }
    until(|| (pair.by_lane().absent, pair.by_lane().unfetched) == (2, 1));
}

#[test]
fn answers_keep_the_order_of_their_requests() {
    let (pair, mut asked) = bounded();
    let mut stream = pair.connect();
    let requests = ["held", "missing", "held", "other", "held"].map(|id| get(id, ""));
    stream.write_all(requests.concat().as_bytes()).unwrap();
    let first = next(&mut asked);
    assert_eq!(first.key.id(), "missing");
    (first.reply)(Fetched::Absent);
    let second = next(&mut asked);
    assert_eq!(second.key.id(), "other");
    (second.reply)(Fetched::Absent);
    let statuses: Vec<u16> = read_replies(&mut stream, 5)
        .iter()
        .map(|one| one.status)
        .collect();
    assert_eq!(statuses, [200, 404, 200, 404, 200]);
    until(|| pair.by_lane().hit == 3);
}

#[test]
fn a_document_that_goes_again_is_not_fetched_for_ever() {
    let (pair, mut asked) = bounded();
    let mut stream = pair.connect();
    stream.write_all(get("missing", "").as_bytes()).unwrap();
    // Three times for the lane, three times for the server.
    for _ in 0..6 {
        (next(&mut asked).reply)(Fetched::Held);
    }
    assert_eq!(read_reply(&mut stream).status, 503);
    assert_eq!(pair.by_server().unfetched, 1);
}

#[test]
fn what_waits_when_the_process_drains_is_answered() {
    let (pair, mut asked) = bounded();
    let mut stream = pair.connect();
    stream.write_all(get("missing", "").as_bytes()).unwrap();
    let by_lane = next(&mut asked);
    pair.lifecycle.drain();
    let by_server = next(&mut asked);
    // Nobody in the lane waits for this any more.
    (by_lane.reply)(Fetched::Held);
    (by_server.reply)(Fetched::Absent);
    assert_eq!(read_reply(&mut stream).status, 404);
}

#[test]
fn a_client_that_goes_while_it_waits_harms_nobody() {
    let (pair, mut asked) = bounded();
    let mut stream = pair.connect();
    stream.write_all(get("missing", "").as_bytes()).unwrap();
    let wanted = next(&mut asked);
    drop(stream);
    (wanted.reply)(Fetched::Absent);
    assert_eq!(ask(&mut pair.connect(), &get("held", "")).status, 200);
}
