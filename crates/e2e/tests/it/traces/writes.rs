//! A write, from its request to every reader.

use std::collections::BTreeSet;

use fleet::{Fleet, Node};
use opentelemetry_proto::tonic::trace::v1::span::SpanKind;
use serde_json::json;

use super::{
    receiver::{Receiver, Step},
    traced, traceparent,
};

const READERS: [&str; 3] = ["reader-1", "reader-2", "reader-3"];

/// From here on, numbers of traces of reads.
const READ: u128 = 1000;

/// Steps of a write: request, commit, publish, and an apply each.
const STEPS: usize = 3 + READERS.len();

async fn create(fleet: &Fleet, writer: &Node, id: &str, traceparent: &str) {
    let post = json!({"id": id, "title": "t", "content": "c", "author": "a"});
    let url = format!("http://{}/create", writer.listen);
    let request = fleet.http.post(url).header("traceparent", traceparent);
    let answer = request.json(&post).send().await;
    assert_eq!(answer.expect("the writer answers").status(), 201, "{id}");
}

/// The whole trace of a write that reached every reader over the feed. The leader's sweep may have been
/// quicker than its writer, or a replay than the feed; those know of no trace, and then another write is
/// made.
async fn trace_of_a_write(
    fleet: &Fleet,
    writer: &Node,
    readers: &[Node],
    receiver: &Receiver,
) -> (u128, Vec<Step>) {
    for trace in 1..=10 {
        let id = format!("post-{trace}");
        create(fleet, writer, &id, &traceparent(trace, "01")).await;
        for reader in readers {
            fleet.until_served(reader, &id, "c").await;
        }
        for node in readers.iter().chain([writer]) {
            read(fleet, node, &id, READ + trace).await;
        }
        // Sent after all that they did before.
        receiver.trace(READ + trace, readers.len() + 1).await;
        let steps = receiver.trace(trace, 3).await;
        if steps.len() == STEPS {
            return (trace, steps);
        }
    }
    panic!("no write was the first to reach every reader");
}

/// Reads a post, in a trace with this number.
async fn read(fleet: &Fleet, node: &Node, id: &str, trace: u128) {
    let url = format!("http://{}/v1/posts/{id}", node.listen);
    let read = fleet.http.get(url);
    let read = read.header("traceparent", traceparent(trace, "01")).send();
    assert_eq!(read.await.expect("the process answers").status(), 200);
}

fn only<'a>(steps: &'a [Step], name: &str) -> &'a Step {
    let mut named = steps.iter().filter(|step| step.name == name);
    let step = named
        .next()
        .unwrap_or_else(|| panic!("no {name} in {steps:?}"));
    assert!(named.next().is_none(), "{name} twice: {steps:?}");
    step
}

fn check(step: &Step, kind: SpanKind, attributes: &[(&str, &str)]) {
    assert_eq!(step.kind, kind, "{step:?}");
    assert!(!step.has_failed, "{step:?}");
    for (name, value) in attributes {
        assert_eq!(step.attribute(name), *value, "{name}: {step:?}");
    }
}

const ON_THE_FEED: [(&str, &str); 2] = [
    ("messaging.system", "redis"),
    ("messaging.destination.name", "feed"),
];

/// Each reader has applied what was published, once, as what was committed.
fn check_applies(steps: &[Step], publish: &Step, commit: &Step) {
    let applies = steps.iter().filter(|step| step.name == "apply feed");
    let applies: Vec<&Step> = applies.collect();
    let instances: BTreeSet<&str> = applies.iter().map(|step| &*step.instance).collect();
    assert_eq!(instances, BTreeSet::from(READERS));
    let position = commit.attribute("pressrun.position");
    for apply in applies {
        assert_eq!(apply.service, "pressrun-reader");
        assert_eq!(apply.parent, publish.id);
        check(apply, SpanKind::Consumer, &ON_THE_FEED);
        let applied = [
            ("pressrun.applied", "newer"),
            ("pressrun.position", position),
        ];
        check(apply, SpanKind::Consumer, &applied);
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn one_trace_shows_a_write_from_its_request_to_every_reader() {
    let (fleet, receiver) = (Fleet::start().await, Receiver::start().await);
    let on = traced(&receiver.url, "0");
    let writer = fleet.writer_with("writer", &on).await;
    let readers = READERS.map(|name| fleet.reader_with(name, &on));
    for reader in &readers {
        fleet.ready(reader).await;
    }
    // None of these is to be traced.
    fleet.create(&writer, "untraced", "c").await;
    create(&fleet, &writer, "unsampled", &traceparent(99, "00")).await;

    let (trace, steps) = trace_of_a_write(&fleet, &writer, &readers, &receiver).await;

    assert_eq!(steps.len(), STEPS, "{steps:?}");
    let request = only(&steps, "POST /create");
    let commit = only(&steps, "commit");
    let publish = only(&steps, "publish feed");
    assert_eq!(
        [request.parent, commit.parent, publish.parent],
        [0xff, request.id, commit.id]
    );
    for step in [request, commit, publish] {
        assert_eq!(step.service, "pressrun-writer");
        assert_eq!(step.instance, request.instance);
    }
    check(
        request,
        SpanKind::Server,
        &[
            ("http.request.method", "POST"),
            ("http.route", "/create"),
            ("url.path", "/create"),
            ("http.response.status_code", "201"),
        ],
    );
    let in_a_batch = [
        ("db.system.name", "postgresql"),
        ("db.operation.name", "commit"),
        ("db.operation.batch.size", "1"),
    ];
    check(commit, SpanKind::Client, &in_a_batch);
    check(publish, SpanKind::Producer, &ON_THE_FEED);
    check_applies(&steps, publish, commit);

    // Whoever gets the same document later, with the snapshot, takes no part in that.
    let late = fleet.reader_with("reader-4", &on);
    fleet.ready(&late).await;
    read(&fleet, &late, &format!("post-{trace}"), READ).await;
    // Sent after all that it did before.
    let read = &receiver.trace(READ, 1).await[0];
    let name = "GET /v1/{collection}/{id}";
    assert_eq!((&*read.name, &*read.instance), (name, "reader-4"));
    assert_eq!(receiver.trace(trace, STEPS).await.len(), STEPS);
    let traces = receiver.steps().into_iter().map(|step| step.trace);
    let others: BTreeSet<u128> = traces
        .filter(|it| !(1..=10).contains(it) && !(READ..=READ + 10).contains(it))
        .collect();
    assert_eq!(others, BTreeSet::new());
}
