//! Requests in one piece, in many, and one behind the other.

use std::io::Write;

use testkit::eventually;

use super::{Pair, ask, get, read_replies, read_reply};
use crate::http::counters::{ContentCounts, ReadCounts};

#[tokio::test]
async fn plain_reads_are_answered_by_the_lane() {
    let pair = Pair::start();
    let mut stream = pair.connect();
    let full = ask(&mut stream, &get("plain", ""));
    assert_eq!((full.status, &*full.content), (200, &br#"{"a":1}"#[..]));
    let tag = full.field("etag").unwrap();
    let held = ask(
        &mut stream,
        &get("plain", &format!("If-None-Match: {tag}\r\n")),
    );
    assert_eq!((held.status, held.field("etag")), (304, Some(tag)));
    let coded = ask(&mut stream, &get("coded", "Accept-Encoding: br\r\n"));
    assert_eq!(coded.field("content-encoding"), Some("br"));
    assert_eq!(coded.content.len(), 300);
    let absent = ask(&mut stream, &get("none", ""));
    assert_eq!(absent.status, 404);
    eventually("the lane has counted them", async || {
        let counts = pair.by_lane();
        ((counts.hit, counts.not_modified, counts.absent) == (2, 1, 1)).then_some(())
    })
    .await;
    let content = ContentCounts {
        hits: [1, 0, 1, 0],
        sent_bytes: [7, 0, 300, 0],
        unmodified_bytes: 7,
        coded_bytes: 700,
    };
    assert_eq!(pair.by_lane().content, content);
    assert_eq!(pair.by_server(), ReadCounts::default());
}

#[test]
fn requests_behind_each_other_are_answered_in_order() {
    let pair = Pair::start();
    let mut stream = pair.connect();
    let ids = ["plain", "none", "coded", "plain"];
    let requests: String = ids.iter().map(|id| get(id, "")).collect();
    stream.write_all(requests.repeat(500).as_bytes()).unwrap();
    let replies = read_replies(&mut stream, 2000);
    for (index, reply) in replies.iter().enumerate() {
        let expected = [7, 0, 1000, 7][index % 4];
        if expected == 0 {
            assert_eq!(reply.status, 404, "{index}");
        } else {
            assert_eq!(reply.content.len(), expected, "{index}");
        }
    }
}

#[tokio::test]
async fn request_in_pieces_is_answered_once_it_is_whole() {
    let pair = Pair::start();
    let mut stream = pair.connect();
    for (count, request) in [get("plain", ""), get("coded", "")].iter().enumerate() {
        for octet in request.as_bytes() {
            stream.write_all(&[*octet]).unwrap();
        }
        assert_eq!(read_reply(&mut stream).status, 200);
        eventually("it is counted", async || {
            (pair.by_lane().hit == count as u64 + 1).then_some(())
        })
        .await;
    }
}

#[tokio::test]
async fn what_is_not_plain_is_answered_by_the_server_on_the_same_connection() {
    let pair = Pair::start();
    let mut stream = pair.connect();
    let health = "GET /health HTTP/1.1\r\nHost: x\r\n\r\n";
    let requests = get("plain", "") + health + &get("coded", "");
    stream.write_all(requests.as_bytes()).unwrap();
    let replies = read_replies(&mut stream, 3);
    let lengths: Vec<_> = replies.iter().map(|reply| reply.content.len()).collect();
    assert_eq!(lengths, [7, 20, 1000]);
    eventually("each has counted its own", async || {
        ((pair.by_lane().hit, pair.by_server().hit) == (1, 1)).then_some(())
    })
    .await;
}

#[test]
fn request_of_more_octets_than_a_lane_reads_is_answered_by_the_server() {
    let pair = Pair::start();
    let mut stream = pair.connect();
    let long = format!("X: {}\r\n", "x".repeat(20_000));
    assert_eq!(ask(&mut stream, &get("plain", &long)).status, 200);
    assert_eq!((pair.by_lane().hit, pair.by_server().hit), (0, 1));
}

#[tokio::test]
async fn position_that_is_reached_is_no_reason_to_wait() {
    let pair = Pair::start();
    let mut stream = pair.connect();
    assert_eq!(
        ask(&mut stream, &get("plain", "Pressrun-At-Least: 7.5\r\n")).status,
        200
    );
    eventually("the lane has counted it", async || {
        (pair.by_lane().hit == 1).then_some(())
    })
    .await;
    // What has to wait, the server answers; the lane, where it comes to it late enough.
    stream
        .write_all(get("plain", "Pressrun-At-Least: 7.6\r\n").as_bytes())
        .unwrap();
    pair.reaching.tell(Some(super::at(6)));
    assert_eq!(read_reply(&mut stream).status, 200);
}

#[tokio::test]
async fn latency_is_counted_for_each_request() {
    let pair = Pair::start();
    let mut stream = pair.connect();
    stream
        .write_all(get("plain", "").repeat(3).as_bytes())
        .unwrap();
    eventually("they are counted", async || {
        let counts = super::LatencyHistogram::sum([&pair.counts.latency]);
        let requests: u64 = counts.buckets().map(|(_bound, count)| count).sum();
        (requests == 3 && counts.sum_seconds() > 0.0).then_some(())
    })
    .await;
}
