//! Reads, of which a share is traced.

use fleet::{Fleet, Node};
use opentelemetry_proto::tonic::trace::v1::span::SpanKind;

use super::{
    receiver::{Receiver, Step},
    traced, traceparent,
};

/// Reads with these header fields, and gives the status.
async fn read(fleet: &Fleet, reader: &Node, target: &str, fields: &[(&str, &str)]) -> u16 {
    let mut request = fleet.http.get(format!("http://{}{target}", reader.listen));
    for (name, value) in fields {
        request = request.header(*name, *value);
    }
    let answer = request.send().await.expect("the reader answers");
    answer.status().as_u16()
}

fn told(step: &Step) -> (&str, &str, &str, &str) {
    let attribute = |name| step.attribute(name);
    (
        &step.name,
        attribute("url.path"),
        attribute("http.route"),
        attribute("http.response.status_code"),
    )
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn reads_are_traced_as_their_head_says() {
    let (fleet, receiver) = (Fleet::start().await, Receiver::start().await);
    let writer = fleet.writer("writer").await;
    let reader = fleet.reader_with("reader-1", &traced(&receiver.url, "1"));
    fleet.ready(&reader).await;
    fleet.create(&writer, "a", "c").await;
    // It asks by /v1/posts/a until that is there.
    fleet.until_served(&reader, "a", "c").await;
    let asked = receiver.steps().len();

    let (sampled, unsampled) = (traceparent(7, "01"), traceparent(8, "00"));
    for (target, fields, status) in [
        ("/post?id=a", &[][..], 200),
        ("/post?id=a", &[], 200),
        ("/post?id=a", &[("if-none-match", "*")], 304),
        ("/post?id=none", &[], 404),
        ("/post?id=a", &[("traceparent", &unsampled)], 200),
        ("/post?id=a", &[("traceparent", "nonsense")], 200),
        // From here on not in a lane.
        ("/v1/posts/a", &[("connection", "close")], 200),
        (
            "/v1/posts/a",
            &[("connection", "close"), ("traceparent", &unsampled)],
            200,
        ),
        ("/v1/posts/a", &[("pressrun-at-least", "nonsense")], 400),
        ("/nowhere", &[], 404),
        ("/post?id=a", &[("traceparent", &sampled)], 200),
    ] {
        let answered = read(&fleet, &reader, target, fields).await;
        assert_eq!(answered, status, "{target} {fields:?}");
    }

    let last = &receiver.trace(7, 1).await[0];
    assert_eq!(last.parent, 0xff);
    let steps = receiver.steps();
    let polled = steps.iter().skip(asked).filter(|step| step.trace != 7);
    let polled = polled.skip_while(|step| step.name == "GET /v1/{collection}/{id}");
    let told_of: Vec<_> = polled.map(told).collect();
    let (post, document) = ("GET /post", "GET /v1/{collection}/{id}");
    let expected = [
        (post, "/post", "/post", "200"),
        (post, "/post", "/post", "200"),
        (post, "/post", "/post", "304"),
        (post, "/post", "/post", "404"),
        (post, "/post", "/post", "200"),
        (document, "/v1/posts/a", "/v1/{collection}/{id}", "200"),
        (document, "/v1/posts/a", "/v1/{collection}/{id}", "400"),
        ("GET", "/nowhere", "", "404"),
    ];
    assert_eq!(told_of, expected);
    assert!(
        steps
            .iter()
            .all(|step| step.kind == SpanKind::Server && !step.has_failed)
    );
    assert!(steps.iter().all(|step| step.trace != 8));
    assert_eq!(last.attribute("url.query"), "id=a");
    assert_eq!(
        (&*last.service, &*last.instance),
        ("pressrun-reader", "reader-1")
    );
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn reads_that_differ_in_their_traceparent_alone_are_traced_as_each_says() {
    let (fleet, receiver) = (Fleet::start().await, Receiver::start().await);
    let writer = fleet.writer("writer").await;
    let reader = fleet.reader_with("reader-1", &traced(&receiver.url, "0"));
    fleet.ready(&reader).await;
    fleet.create(&writer, "a", "c").await;
    fleet.until_served(&reader, "a", "c").await;
    // As a gateway asks that keeps its connections.
    for (trace, flags) in [
        (5, "00"),
        (6, "00"),
        (7, "01"),
        (8, "00"),
        (9, "01"),
        (10, "00"),
    ] {
        let field = traceparent(trace, flags);
        let fields = [("traceparent", &*field)];
        assert_eq!(read(&fleet, &reader, "/post?id=a", &fields).await, 200);
    }
    for trace in [7, 9] {
        let step = &receiver.trace(trace, 1).await[0];
        assert_eq!(step.parent, 0xff);
    }
    let traces: Vec<_> = receiver.steps().iter().map(|step| step.trace).collect();
    assert_eq!(traces, [7, 9]);
}
