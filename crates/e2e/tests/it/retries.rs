//! Clients that lose an answer and ask again.

use std::{io::Write, net::TcpStream};

use serde_json::Value;
use testkit::eventually;

use fleet::{Fleet, Node};

use crate::truth::known;

const CONTENT: &str = r#"{"n":1}"#;

/// Sends a POST and hangs up without reading the answer, once its document is committed.
async fn post_and_hang_up(fleet: &Fleet, writer: &Node, key: &str, committed: i64) {
    let mut socket = TcpStream::connect(writer.listen).expect("the writer listens");
    let len = CONTENT.len();
    write!(
        socket,
        "POST /v1/things HTTP/1.1\r\nHost: writer\r\nContent-Type: application/json\r\n\
         Idempotency-Key: {key}\r\nContent-Length: {len}\r\n\r\n{CONTENT}"
    )
    .expect("the request can be sent");
    eventually("the document is committed", async || {
        (documents(fleet).await == committed).then_some(())
    })
    .await;
}

async fn documents(fleet: &Fleet) -> i64 {
    let count = sqlx::query_scalar("SELECT count(*) FROM documents");
    let count = count.fetch_one(&fleet.database).await;
    count.expect("the database answers")
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_retry_after_a_lost_answer_makes_no_second_document() {
    let fleet = Fleet::start().await;
    let writers = [
        fleet.writer("writer-1").await,
        fleet.writer("writer-2").await,
    ];
    let reader = fleet.reader("reader-1");
    fleet.ready(&reader).await;

    // At the writer that has committed it, and at another one.
    for (key, committed) in [("a", 1), ("b", 2)] {
        post_and_hang_up(&fleet, &writers[0], key, committed).await;
        for writer in [&writers[1], &writers[0]] {
            let answer = fleet
                .http
                .post(format!("http://{}/v1/things", writer.listen))
                .header("content-type", "application/json")
                .header("idempotency-key", key)
                .body(CONTENT)
                .send()
                .await
                .expect("the writer answers");
            assert_eq!(answer.status(), 201);
            assert_eq!(answer.headers()["idempotent-replayed"], "true");
            let location = answer.headers()["location"].to_str().expect("ASCII");
            let read = format!("http://{}{location}", reader.listen);
            let told: Value = answer.json().await.expect("JSON");
            let position = told["position"].as_str().expect("a text");
            let read = fleet.http.get(read).header("pressrun-at-least", position);
            let (_status, fields, served) = known(read).await;
            assert_eq!(fields["etag"], told["etag"].as_str().expect("a text"));
            assert_eq!(served, CONTENT);
        }
        assert_eq!(documents(&fleet).await, committed);
    }
}
