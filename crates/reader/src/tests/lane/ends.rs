//! How connections end: by the client, and with the process.

use std::io::{Read, Write};

use testkit::eventually;

use super::{LARGE_BYTES, Pair, ask, get, read_reply, rest, take_reply};

#[test]
fn requests_before_the_client_closed_its_side_are_answered() {
    let pair = Pair::start();
    let mut stream = pair.connect();
    let requests = get("plain", "") + &get("large", "") + &get("coded", "");
    stream.write_all(requests.as_bytes()).unwrap();
    let mut octets = rest(&mut stream);
    for len in [7, LARGE_BYTES, 1000] {
        assert_eq!(take_reply(&mut octets, true).unwrap().content.len(), len);
    }
    assert_eq!(octets, b"");
}

#[tokio::test]
async fn connections_that_clients_close_are_let_go() {
    let pair = Pair::start();
    let mut streams: Vec<_> = (0..8).map(|_| pair.connect()).collect();
    for stream in &mut streams {
        ask(stream, &get("plain", ""));
    }
    assert_eq!(pair.counters.active.get(), 8);
    drop(streams);
    eventually("none is active", async || {
        (pair.counters.active.get() == 0).then_some(())
    })
    .await;
}

#[test]
fn draining_answers_say_that_the_connection_closes() {
    let pair = Pair::start();
    let mut known = pair.connect();
    assert_eq!(ask(&mut known, &get("plain", "")).field("connection"), None);
    pair.lifecycle.drain();
    let mut new = pair.connect();
    for stream in [&mut known, &mut new] {
        let reply = ask(stream, &get("plain", ""));
        assert_eq!(
            (reply.status, reply.field("connection")),
            (200, Some("close"))
        );
        assert_eq!(stream.read(&mut [0]).unwrap(), 0);
    }
}

#[tokio::test]
async fn closing_finishes_what_a_client_is_owed() {
    let pair = Pair::start();
    let mut busy = pair.connect();
    busy.write_all(get("large", "").as_bytes()).unwrap();
    let mut idle = pair.connect();
    assert_eq!(ask(&mut idle, &get("plain", "")).status, 200);
    eventually("the large answer has begun", async || {
        (pair.by_lane().hit == 2).then_some(())
    })
    .await;
    pair.lifecycle.close();
    assert_eq!(idle.read(&mut [0]).unwrap(), 0);
    assert_eq!(read_reply(&mut busy).content.len(), LARGE_BYTES);
    assert_eq!(busy.read(&mut [0]).unwrap(), 0);
}
