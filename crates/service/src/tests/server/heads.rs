use super::{Harness, LIMITS};
use crate::server::HEADER_FIELDS_MAX;

/// A request whose head has exactly so many octets.
fn head_of(octets: usize) -> Vec<u8> {
    let mut head = b"GET / HTTP/1.1\r\nhost: a\r\nx: ".to_vec();
    head.resize(octets - 4, b'x');
    head.extend_from_slice(b"\r\n\r\n");
    head
}

/// A request with so many header fields.
fn fields(number: usize) -> Vec<u8> {
    let mut head = b"GET / HTTP/1.1\r\nhost: a\r\n".to_vec();
    for _ in 1..number {
        head.extend_from_slice(b"a: b\r\n");
    }
    head.extend_from_slice(b"\r\n");
    head
}

fn target_of(octets: usize) -> Vec<u8> {
    let target = format!("/?{}", "q".repeat(octets - 2));
    format!("GET {target} HTTP/1.1\r\nhost: a\r\n\r\n").into_bytes()
}

#[tokio::test]
async fn a_head_ends_at_its_limit() {
    let harness = Harness::start(LIMITS);
    let answer = harness.ask(&head_of(LIMITS.head_bytes_max)).await;
    assert_eq!(answer.status, 200, "{answer:?}");
    let answer = harness.ask(&head_of(LIMITS.head_bytes_max + 1)).await;
    assert!(answer.closes());
    assert_eq!(
        answer.problem(431),
        "the request's head has more than 1024 octets or 100 fields"
    );
    assert_eq!(harness.counters.malformed.get(), 1);
}

#[tokio::test]
async fn a_head_has_a_limited_number_of_fields() {
    let harness = Harness::start(LIMITS);
    assert_eq!(harness.ask(&fields(HEADER_FIELDS_MAX)).await.status, 200);
    harness
        .ask(&fields(HEADER_FIELDS_MAX + 1))
        .await
        .problem(431);
}

#[tokio::test]
async fn a_target_ends_at_its_limit() {
    let harness = Harness::start(LIMITS);
    let limit = LIMITS.target_bytes_max;
    assert_eq!(harness.ask(&target_of(limit)).await.status, 200);
    // One past it, and beyond what a head may have, in one piece and without an end.
    for octets in [limit + 1, LIMITS.head_bytes_max, 20_000] {
        let answer = harness.ask(&target_of(octets)).await;
        assert_eq!(
            answer.problem(414),
            "the request target has more than 256 octets"
        );
    }
    let answer = harness.ask(&target_of(20_000)[..2_000]).await;
    answer.problem(414);
}

#[tokio::test]
async fn content_longer_than_can_be_counted_is_not_told_as_a_large_head() {
    let harness = Harness::start(LIMITS);
    for len in [u64::MAX, u64::MAX - 1] {
        let head = format!("POST /echo HTTP/1.1\r\nhost: a\r\ncontent-length: {len}\r\n\r\n");
        let answer = harness.ask(head.as_bytes()).await;
        assert_eq!(answer.problem(413), "the content is too long to be counted");
    }
}

#[tokio::test]
async fn what_is_not_http_is_told_so() {
    let harness = Harness::start(LIMITS);
    for octets in [
        &b"GARBAGE\r\n\r\n"[..],
        b"G@T / HTTP/1.1\r\nhost: a\r\n\r\n",
        b"GET / HTTP/9.9\r\nhost: a\r\n\r\n",
        b"GET / HTTP/1.1\r\nho st: a\r\n\r\n",
        b"GET / HTTP/1.1\r\nhost: a\r\n folded\r\n\r\n",
        b"GET / HTTP/1.1\r\nhost: a\r\ncontent-length: -1\r\n\r\n",
        b"GET / HTTP/1.1\r\nhost: a\r\ncontent-length: 1\r\ncontent-length: 2\r\n\r\n",
        b"GET /\x00 HTTP/1.1\r\nhost: a\r\n\r\n",
        b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03\r\n\r\n",
        b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n",
        // RFC 9112 §3.2.
        b"GET / HTTP/1.1\r\n\r\n",
        b"GET / HTTP/1.1\r\nhost: a\r\nhost: a\r\n\r\n",
    ] {
        let answer = harness.ask(octets).await;
        let text = String::from_utf8_lossy(octets);
        assert_eq!(answer.status, 400, "{text:?}: {answer:?}");
        answer.problem(400);
    }
}

#[tokio::test]
async fn nonsense_behind_a_good_request_spoils_only_itself() {
    let harness = Harness::start(LIMITS);
    let mut client = harness.connect().await;
    client
        .send(b"GET / HTTP/1.1\r\nhost: a\r\n\r\nNONSENSE\r\n\r\n")
        .await;
    assert_eq!(client.receive().await.text(), "hello");
    let answer = client.receive().await;
    answer.problem(400);
    assert!(answer.closes());
    client.closed().await;
}

#[tokio::test]
async fn who_breaks_off_is_no_problem() {
    let harness = Harness::start(LIMITS);
    for octets in [
        &b""[..],
        b"GET / HT",
        b"POST /echo HTTP/1.1\r\nhost: a\r\ncontent-length: 9\r\n\r\na",
    ] {
        let mut client = harness.connect().await;
        client.send(octets).await;
        drop(client);
    }
    assert_eq!(harness.ask(&target_of(10)).await.status, 200);
    assert_eq!(harness.counters.malformed.get(), 0);
    harness.end().await;
}
