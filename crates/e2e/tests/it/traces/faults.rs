//! What does not go well: collectors that are away, and writes that fail.

use fleet::{Fleet, Node, loopback};
use serde_json::{Value, json};
use testkit::eventually;

use super::{receiver::Receiver, traced, traceparent};

/// How many spans a process has given up because of its collector.
async fn failed(fleet: &Fleet, node: &Node) -> Option<u64> {
    let url = format!("http://{}/metrics", node.admin);
    let text = fleet.http.get(url).send().await.ok()?.text().await.ok()?;
    let name = "pressrun_traces_spans_total{outcome=\"failed\"} ";
    let value = text.lines().find_map(|line| line.strip_prefix(name))?;
    value.parse().ok()
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn without_a_collector_nothing_moves_but_a_counter() {
    let fleet = Fleet::start().await;
    let on = traced(&format!("http://{}", loopback()), "1");
    let writer = fleet.writer_with("writer", &on).await;
    let reader = fleet.reader_with("reader", &on);
    fleet.ready(&reader).await;
    let count = 20;
    for number in 0..count {
        let id = number.to_string();
        fleet.create(&writer, &id, "c").await;
        fleet.until_served(&reader, &id, "c").await;
    }
    for node in [&writer, &reader] {
        eventually("spans are given up", async || {
            // Each write has more than one here, and at least one there.
            (failed(&fleet, node).await? >= count).then_some(())
        })
        .await;
    }
    fleet.create(&writer, "last", "c").await;
    fleet.until_served(&reader, "last", "c").await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_failed_write_names_its_trace_in_the_log_and_fails_there() {
    let (fleet, receiver) = (Fleet::start().await, Receiver::start().await);
    let writer = fleet
        .writer_with("writer", &traced(&receiver.url, "0"))
        .await;
    // Its batch waits behind this, until its session is ended.
    let mut blocking = fleet.database.begin().await.unwrap();
    sqlx::query("SELECT head FROM feed FOR UPDATE")
        .execute(&mut *blocking)
        .await
        .unwrap();
    let post = json!({"id": "a", "title": "t", "content": "c", "author": "a"});
    let create = format!("http://{}/create", writer.listen);
    let request = fleet.http.post(create).json(&post);
    let request = request.header("traceparent", traceparent(5, "01"));
    let mut answer = tokio::spawn(request.send());
    eventually("the write has failed", async || {
        sqlx::query(
            "SELECT pg_terminate_backend(pid) FROM pg_stat_activity
             WHERE datname = current_database() AND cardinality(pg_blocking_pids(pid)) > 0",
        )
        .execute(&fleet.database)
        .await
        .unwrap();
        answer.is_finished().then_some(())
    })
    .await;
    let answer = (&mut answer).await.unwrap().unwrap();
    assert_eq!(answer.status(), 503);

    let steps = receiver.trace(5, 2).await;
    let (commit, request) = (&steps[0], &steps[1]);
    assert_eq!((&*commit.name, &*request.name), ("commit", "POST /create"));
    assert!(commit.has_failed && request.has_failed, "{steps:?}");
    assert_eq!(commit.attribute("error.type"), "unavailable");
    assert_eq!(request.attribute("error.type"), "503");

    let log = writer.process.log();
    let lines = log.lines().map(serde_json::from_str::<Value>);
    let lines: Vec<Value> = lines.map(|line| line.expect("JSON")).collect();
    let of_batch: Vec<&Value> = lines
        .iter()
        .filter(|line| line["message"] == "a batch was not committed")
        .collect();
    assert_eq!(of_batch.len(), 1, "{log}");
    assert_eq!(of_batch[0]["trace_id"], format!("{:032x}", 5));
    assert_eq!(of_batch[0]["span_id"], format!("{:016x}", commit.id));
    let of_others = lines.iter().filter(|line| line.get("trace_id").is_some());
    assert!(of_others.count() < lines.len(), "{log}");
}
