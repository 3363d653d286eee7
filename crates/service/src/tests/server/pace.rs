use testkit::eventually;
use tokio::io::AsyncReadExt;

use super::{Harness, LIMITS, PATIENCE, SHORT};
use crate::Limits;

#[tokio::test]
async fn half_a_head_and_silence_is_answered_408() {
    let limits = Limits {
        head_timeout: SHORT,
        ..LIMITS
    };
    let harness = Harness::start(limits);
    let mut client = harness.connect().await;
    client.send(b"GET / HTTP/1.1\r\nhost: a\r\nx").await;
    let answer = client.receive().await;
    assert_eq!(
        answer.problem(408),
        "the request's head did not arrive within 500ms"
    );
    assert!(answer.closes());
    client.closed().await;
    assert_eq!(harness.counters.timed_out.get(), 1);
}

#[tokio::test]
async fn half_a_second_head_is_answered_408_too() {
    let limits = Limits {
        head_timeout: SHORT,
        ..LIMITS
    };
    let harness = Harness::start(limits);
    let mut client = harness.connect().await;
    assert_eq!(client.get("/").await.status, 200);
    client.send(b"GET /").await;
    client.receive().await.problem(408);
}

#[tokio::test]
async fn a_new_connection_that_says_nothing_closes_without_a_word() {
    let limits = Limits {
        head_timeout: SHORT,
        ..LIMITS
    };
    let harness = Harness::start(limits);
    harness.connect().await.closed().await;
    assert_eq!(harness.counters.timed_out.get(), 0);
}

#[tokio::test]
async fn an_idle_connection_closes_without_a_word() {
    let limits = Limits {
        idle_timeout: SHORT,
        ..LIMITS
    };
    let harness = Harness::start(limits);
    let mut client = harness.connect().await;
    assert_eq!(client.get("/").await.status, 200);
    client.closed().await;
    assert_eq!(harness.counters.timed_out.get(), 0);
}

#[tokio::test]
async fn half_the_content_and_silence_is_answered_408() {
    let limits = Limits {
        content_timeout: SHORT,
        ..LIMITS
    };
    let harness = Harness::start(limits);
    let mut client = harness.connect().await;
    client
        .send(b"POST /echo HTTP/1.1\r\nhost: a\r\ncontent-length: 9\r\n\r\nabcd")
        .await;
    let answer = client.receive().await;
    let detail = answer.problem(408);
    assert_eq!(
        detail,
        "less than 4 octets of the request's content arrived within 500ms"
    );
    client.closed().await;
    assert_eq!(harness.counters.timed_out.get(), 1);
}

#[tokio::test]
async fn a_service_may_take_its_time() {
    let limits = Limits {
        head_timeout: SHORT,
        content_timeout: SHORT,
        write_timeout: SHORT,
        ..LIMITS
    };
    let harness = Harness::start(limits);
    let mut client = harness.connect().await;
    let mut other = harness.connect().await;
    client.send(b"GET /gate HTTP/1.1\r\nhost: a\r\n\r\n").await;
    // Once the same limit has closed another connection, it has passed for this one.
    other.closed().await;
    harness.gate.notify_one();
    assert_eq!(client.receive().await.text(), "passed");
}

#[tokio::test]
async fn who_does_not_read_is_reset() {
    let limits = Limits {
        write_timeout: SHORT,
        ..LIMITS
    };
    let harness = Harness::start(limits);
    let mut client = harness.connect().await;
    client.send(b"GET /large HTTP/1.1\r\nhost: a\r\n\r\n").await;
    eventually("the stalled connection ends", async || {
        (harness.counters.timed_out.get() == 1).then_some(())
    })
    .await;
    let mut sink = Vec::new();
    let read = tokio::time::timeout(PATIENCE, client.stream.read_to_end(&mut sink)).await;
    assert!(read.unwrap().is_err(), "the response seemed whole");
}

#[tokio::test]
async fn who_reads_slowly_but_reads_gets_it_all() {
    let harness = Harness::start(LIMITS);
    let mut client = harness.connect().await;
    let answer = client.get("/large").await;
    assert_eq!(answer.content.len(), 64 << 20);
    assert_eq!(client.get("/").await.text(), "hello");
}
