use std::time::Duration;

use testkit::eventually;
use tokio::{net::TcpStream, time::timeout};

use super::{Harness, LIMITS, PATIENCE, SHORT};
use crate::Limits;

const GATE: &[u8] = b"GET /gate HTTP/1.1\r\nhost: a\r\n\r\n";

#[tokio::test]
async fn a_draining_server_serves_on_and_says_close() {
    let harness = Harness::start(LIMITS);
    let mut kept = harness.connect().await;
    assert!(!kept.get("/").await.closes());
    harness.lifecycle.drain();
    let answer = kept.get("/").await;
    assert_eq!(answer.text(), "hello");
    assert!(answer.closes(), "{answer:?}");
    kept.closed().await;
    let answer = harness.connect().await.get("/").await;
    assert_eq!(answer.text(), "hello");
    assert!(answer.closes(), "{answer:?}");
}

/// Draining wakes every connection once; closing has to reach it all the same.
#[tokio::test]
async fn a_connection_that_idled_through_the_drain_is_closed() {
    let harness = Harness::start(LIMITS);
    let mut idle = harness.connect().await;
    assert_eq!(idle.get("/").await.status, 200);
    harness.lifecycle.drain();
    // By this answer the one that idles has been woken.
    assert!(harness.connect().await.get("/").await.closes());
    harness.lifecycle.close();
    idle.closed().await;
    timeout(PATIENCE, harness.served).await.unwrap().unwrap();
    assert_eq!(harness.counters.cut_off.get(), 0);
}

#[tokio::test]
async fn a_closing_server_finishes_what_is_in_flight() {
    let harness = Harness::start(LIMITS);
    let mut idle = harness.connect().await;
    assert_eq!(idle.get("/").await.status, 200);
    let mut fresh = harness.connect().await;
    let mut busy = harness.connect().await;
    busy.send(GATE).await;
    eventually("all are accepted", async || {
        (harness.counters.active.get() == 3).then_some(())
    })
    .await;
    harness.lifecycle.close();
    idle.closed().await;
    fresh.closed().await;
    eventually("nobody listens", async || {
        TcpStream::connect(harness.address).await.err()
    })
    .await;
    assert!(!harness.served.is_finished());
    harness.gate.notify_one();
    let answer = busy.receive().await;
    assert_eq!(answer.text(), "passed");
    assert!(answer.closes());
    busy.closed().await;
    drop((idle, fresh, busy));
    timeout(PATIENCE, harness.served).await.unwrap().unwrap();
    assert_eq!(harness.counters.active.get(), 0);
    assert_eq!(harness.counters.cut_off.get(), 0);
}

#[tokio::test]
async fn the_grace_period_ends() {
    let harness = Harness::with_grace(LIMITS, SHORT);
    let mut busy = harness.connect().await;
    busy.send(GATE).await;
    eventually("it is accepted", async || {
        (harness.counters.active.get() == 1).then_some(())
    })
    .await;
    harness.lifecycle.close();
    timeout(PATIENCE, harness.served).await.unwrap().unwrap();
    assert_eq!(harness.counters.cut_off.get(), 1);
    assert_eq!(harness.counters.active.get(), 0);
}

#[tokio::test]
async fn connections_over_the_cap_are_told_so() {
    let limits = Limits {
        connections_max: 2,
        ..LIMITS
    };
    let harness = Harness::start(limits);
    let mut first = harness.connect().await;
    let mut second = harness.connect().await;
    assert_eq!(first.get("/").await.status, 200);
    assert_eq!(second.get("/").await.status, 200);
    let mut third = harness.connect().await;
    let answer = third.get("/").await;
    let detail = answer.problem(503);
    assert_eq!(detail, "there are 2 connections already, which is the most");
    assert!(answer.closes());
    assert!(answer.head.contains("\r\nretry-after: 1\r\n"));
    third.closed().await;
    assert_eq!(harness.counters.rejected.get(), 1);
    assert_eq!(harness.counters.active.get(), 2);

    drop(first);
    eventually("there is room again", async || {
        (harness.connect().await.get("/").await.status == 200).then_some(())
    })
    .await;
    assert_eq!(second.get("/").await.status, 200);
}

#[tokio::test]
async fn a_silent_connection_over_the_cap_is_told_so_too() {
    let limits = Limits {
        connections_max: 0,
        ..LIMITS
    };
    let harness = Harness::start(limits);
    let mut client = harness.connect().await;
    // After the server has waited a second for the request.
    let answer = timeout(Duration::from_secs(20), client.receive())
        .await
        .unwrap();
    answer.problem(503);
}
