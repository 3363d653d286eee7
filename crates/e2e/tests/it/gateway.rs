//! Readers and writers behind a gateway that asks for their health: one dies and comes back, or ends,
//! and no client notices.
//!
//! `HAProxy` stands in for APISIX, which no package registry has; what is asked of a gateway is the
//! same: check `/health`, and try another reader where one is not there.

mod ends;
mod load;
mod writes;

use serde_json::json;
use testkit::{
    eventually,
    haproxy::{Backend, HaProxy},
};

use self::load::Load;
use fleet::{Fleet, Node};

/// Clients that read all the time.
const CLIENTS: usize = 4;

/// Requests between one event and the next, so that each is met by many.
const REQUESTS: u64 = 300;

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn no_request_fails_while_a_reader_dies_and_comes_back() {
    let fleet = Fleet::start().await;
    let writer = fleet.writer("writer").await;
    let mut readers = vec![
        fleet.reader("reader-0"),
        fleet.reader("reader-1"),
        fleet.reader("reader-2"),
    ];
    create_post(&fleet, &writer).await;
    for reader in &readers {
        fleet.ready(reader).await;
        reads_post(&fleet, reader).await;
    }
    let addresses: Vec<_> = readers.iter().map(|reader| reader.listen).collect();
    let gateway = HaProxy::start(&addresses).await;
    shows(&gateway, [true, true, true]).await;

    let load = Load::start(&format!("{}/post?id=hello", gateway.url()), CLIENTS);
    load.answered_more(REQUESTS).await;

    readers[1].signal("KILL");
    load.answered_more(REQUESTS).await;
    shows(&gateway, [true, false, true]).await;
    let before = backends(&gateway).await;
    load.answered_more(REQUESTS).await;
    let after = backends(&gateway).await;
    assert_eq!(after[1], before[1], "the dead one gets nothing");

    let dead = readers.remove(1);
    let (listen, admin) = (dead.listen, dead.admin);
    drop(dead);
    let back = fleet.reader_at("reader-1", listen, admin);
    shows(&gateway, [true, true, true]).await;
    load.answered_more(REQUESTS).await;
    for (index, backend) in backends(&gateway).await.iter().enumerate() {
        assert!(
            backend.answers >= after[index].answers + REQUESTS / 6,
            "reader {index} has its share again: {after:?}, {backend:?}"
        );
    }
    fleet.ready(&back).await;

    let (answered, failures) = load.stop().await;
    assert_eq!(failures, [""; 0], "of {answered} requests");
}

async fn create_post(fleet: &Fleet, writer: &Node) {
    let url = format!("http://{}/create", writer.listen);
    let post = json!({"id": "hello", "title": "Hello", "content": "once", "author": "e2e"});
    let answer = fleet.http.post(url).json(&post).send().await;
    assert_eq!(answer.expect("the writer answers").status(), 201);
}

async fn reads_post(fleet: &Fleet, reader: &Node) {
    eventually("the post is there", async || {
        let url = format!("http://{}/post?id=hello", reader.listen);
        let answer = fleet.http.get(url).send().await.ok()?;
        (answer.status() == 200).then_some(())
    })
    .await;
}

/// Waits until the gateway sends requests to exactly these.
async fn shows<const SERVERS: usize>(gateway: &HaProxy, up: [bool; SERVERS]) {
    eventually(&format!("the gateway sends to {up:?}"), async || {
        let backends = gateway.backends().await.ok()?;
        let now: Vec<bool> = backends.iter().map(|backend| backend.is_up).collect();
        (now == up).then_some(())
    })
    .await;
}

async fn backends(gateway: &HaProxy) -> Vec<Backend> {
    gateway.backends().await.expect("the gateway answers")
}
