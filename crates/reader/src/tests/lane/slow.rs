//! Clients that do not read, do not write, or are too many.

use std::{
    io::{Read, Write},
    time::Duration,
};

use service::Limits;
use testkit::eventually;

use super::{LARGE_BYTES, LIMITS, Pair, ask, get, read_replies, read_reply};

const SHORT: Duration = Duration::from_millis(300);

#[tokio::test]
async fn client_that_does_not_read_holds_up_nobody_and_gets_everything_later() {
    let pair = Pair::start();
    let mut slow = pair.connect();
    // The second request waits behind an answer that the kernel does not take whole.
    slow.write_all((get("large", "") + &get("plain", "")).as_bytes())
        .unwrap();
    let mut quick = pair.connect();
    eventually("the first answer has begun", async || {
        (pair.by_lane().hit >= 1).then_some(())
    })
    .await;
    for _ in 0..100 {
        assert_eq!(ask(&mut quick, &get("coded", "")).content.len(), 1000);
    }
    eventually("all but the second request are counted", async || {
        (pair.by_lane().hit == 101).then_some(())
    })
    .await;

    let replies = read_replies(&mut slow, 2);
    assert_eq!(replies[0].content.len(), LARGE_BYTES);
    let cycle = b"identity".iter().cycle();
    assert!(replies[0].content.iter().eq(cycle.take(LARGE_BYTES)));
    assert_eq!(replies[1].content.len(), 7);
    assert_eq!(pair.by_server().hit, 0);
}

#[tokio::test]
async fn client_that_never_reads_is_reset() {
    // The kernel gives up after twice this time, and must not be the first.
    let limits = Limits {
        write_timeout: Duration::from_secs(2),
        ..LIMITS
    };
    let pair = Pair::with(limits);
    let mut stream = pair.connect();
    stream.write_all(get("large", "").as_bytes()).unwrap();
    eventually("it is told so", async || {
        (pair.counters.timed_out.get() == 1).then_some(())
    })
    .await;
    let mut taken = Vec::new();
    let error = stream.read_to_end(&mut taken).unwrap_err();
    assert_eq!(error.kind(), std::io::ErrorKind::ConnectionReset);
    assert!(taken.len() < LARGE_BYTES);
}

#[test]
fn half_a_head_gets_408_and_silence_nothing() {
    let limits = Limits {
        head_timeout: SHORT,
        ..LIMITS
    };
    let pair = Pair::with(limits);
    let mut half = pair.connect();
    half.write_all(b"GET /post?id=pl").unwrap();
    assert_eq!(read_reply(&mut half).status, 408);
    assert_eq!(pair.counters.timed_out.get(), 1);
    let mut silent = pair.connect();
    assert_eq!(silent.read(&mut [0]).unwrap(), 0);
    assert_eq!(pair.counters.timed_out.get(), 1);
}

#[test]
fn idle_connection_is_closed_after_its_time_not_before() {
    let limits = Limits {
        head_timeout: Duration::from_secs(1),
        idle_timeout: Duration::from_secs(3),
        ..LIMITS
    };
    let pair = Pair::with(limits);
    let mut stream = pair.connect();
    // Before the answer, after which the lane counts: who looks at the clock may be late.
    let asked = std::time::Instant::now();
    assert_eq!(ask(&mut stream, &get("plain", "")).status, 200);
    assert_eq!(stream.read(&mut [0]).unwrap(), 0);
    assert!(asked.elapsed() >= limits.idle_timeout);
}

#[tokio::test]
async fn one_connection_over_the_cap_gets_503_and_a_freed_place_is_taken() {
    let limits = Limits {
        connections_max: 2,
        ..LIMITS
    };
    let pair = Pair::with(limits);
    let mut first = pair.connect();
    let mut second = pair.connect();
    assert_eq!(ask(&mut first, &get("plain", "")).status, 200);
    // One that the server has counts as well.
    let handed = ask(&mut second, "GET /health HTTP/1.1\r\nHost: x\r\n\r\n");
    assert_eq!(handed.status, 200);
    let mut third = pair.connect();
    assert_eq!(ask(&mut third, &get("plain", "")).status, 503);
    assert_eq!(pair.counters.rejected.get(), 1);
    drop(second);
    eventually("the place is free", async || {
        (pair.counters.active.get() == 1).then_some(())
    })
    .await;
    let mut fourth = pair.connect();
    assert_eq!(ask(&mut fourth, &get("plain", "")).status, 200);
}
