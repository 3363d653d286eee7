//! Processes that are told to end under load, behind a gateway that tries nothing twice.

use std::collections::BTreeSet;

use fleet::{Fleet, Node};
use testkit::{eventually, haproxy::HaProxy};

use super::{CLIENTS, REQUESTS, create_post, load::Load, reads_post, shows, writes::Writes};

/// Long enough for the gateway to notice, many times: what is so by default.
fn drains() -> [String; 1] {
    ["--drain-delay=5s".to_owned()]
}

/// A process that drains answers whoever has not noticed.
async fn serves_on(fleet: &Fleet, node: &Node) {
    let url = format!("http://{}/v1/posts/none", node.listen);
    let answer = fleet.http.get(url).send().await.expect("it serves on");
    assert_eq!(answer.status(), 404);
    let closes = answer.headers().get("connection");
    assert!(closes.is_some_and(|it| it == "close"), "it drains");
}

/// Waits until a process that was told to end has done so, without cutting anybody off.
async fn ends(node: Node, name: &str) {
    let words = format!("{name} ends");
    eventually(&words, async || {
        node.process.log().contains(&words).then_some(())
    })
    .await;
    let log = node.process.log();
    assert!(!log.contains("cutting connections off"), "{log}");
    assert_eq!(node.process.status().expect("a status"), Some(0), "{log}");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn no_read_fails_while_a_reader_ends() {
    let fleet = Fleet::start().await;
    let writer = fleet.writer("writer").await;
    let mut readers = vec![
        fleet.reader_with("reader-0", &drains()),
        fleet.reader_with("reader-1", &drains()),
    ];
    create_post(&fleet, &writer).await;
    for reader in &readers {
        fleet.ready(reader).await;
        reads_post(&fleet, reader).await;
    }
    let addresses: Vec<_> = readers.iter().map(|reader| reader.listen).collect();
    let gateway = HaProxy::start_strict(&addresses).await;
    shows(&gateway, [true, true]).await;
    let load = Load::start(&format!("{}/post?id=hello", gateway.url()), CLIENTS);
    load.answered_more(REQUESTS).await;

    readers[1].signal("TERM");
    shows(&gateway, [true, false]).await;
    serves_on(&fleet, &readers[1]).await;
    ends(readers.remove(1), "reader").await;
    load.answered_more(REQUESTS).await;

    let (answered, failures) = load.stop().await;
    assert_eq!(failures, [""; 0], "of {answered} requests");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn no_write_fails_while_a_writer_ends_and_each_acknowledged_one_is_there() {
    let fleet = Fleet::start().await;
    let mut writers = vec![
        fleet.writer_with("writer-0", &drains()).await,
        fleet.writer_with("writer-1", &drains()).await,
    ];
    let reader = fleet.reader("reader");
    let addresses: Vec<_> = writers.iter().map(|writer| writer.listen).collect();
    let gateway = HaProxy::start_strict(&addresses).await;
    shows(&gateway, [true, true]).await;
    let load = Writes::start(&gateway.url(), CLIENTS);
    load.answered_more(REQUESTS).await;

    // The first one leads: the other one takes over.
    writers[0].signal("TERM");
    shows(&gateway, [false, true]).await;
    serves_on(&fleet, &writers[0]).await;
    ends(writers.remove(0), "writer").await;
    load.answered_more(REQUESTS).await;

    let written = load.stop().await;
    assert_eq!(
        written.failures,
        [""; 0],
        "of {}",
        written.acknowledged.len()
    );
    let stored: Vec<String> = sqlx::query_scalar(
        "select id from documents where collection = 'posts' and deleted_at is null",
    )
    .fetch_all(&fleet.database)
    .await
    .expect("the database answers");
    let stored: BTreeSet<String> = stored.into_iter().collect();
    assert_eq!(stored, written.acknowledged);
    eventually("the reader has all of them", async || {
        let status = fleet.status(&reader).await?;
        (status["entries"] == stored.len()).then_some(())
    })
    .await;
}
