use super::{Harness, LIMITS};

#[tokio::test]
async fn a_connection_is_kept_and_requests_may_be_pipelined() {
    let harness = Harness::start(LIMITS);
    let mut client = harness.connect().await;
    assert_eq!(client.get("/").await.text(), "hello");
    client
        .send(b"GET / HTTP/1.1\r\nhost: a\r\n\r\nHEAD / HTTP/1.1\r\nhost: a\r\n\r\n")
        .await;
    assert_eq!(client.receive().await.text(), "hello");
    client.send(b"").await;
    assert_eq!(harness.counters.accepted.get(), 1);
    assert_eq!(harness.counters.active.get(), 1);
    drop(client);
    harness.end().await;
}

#[tokio::test]
async fn content_comes_in_pieces_and_on_demand() {
    let harness = Harness::start(LIMITS);
    let mut client = harness.connect().await;
    client
        .send(b"POST /echo HTTP/1.1\r\nhost: a\r\ncontent-length: 6\r\n\r\nabc")
        .await;
    client.send(b"def").await;
    assert_eq!(client.receive().await.text(), "abcdef");
    client
        .send(
            b"POST /echo HTTP/1.1\r\nhost: a\r\nexpect: 100-continue\r\ncontent-length: 2\r\n\r\n",
        )
        .await;
    assert_eq!(client.receive().await.status, 100);
    client.send(b"ok").await;
    assert_eq!(client.receive().await.text(), "ok");
    client
        .send(b"POST /echo HTTP/1.1\r\nhost: a\r\ntransfer-encoding: chunked\r\n\r\n3\r\nabc\r\n0\r\n\r\n")
        .await;
    assert_eq!(client.receive().await.text(), "abc");
}

#[tokio::test]
async fn an_answer_before_the_content_arrives_although_content_follows() {
    let harness = Harness::start(LIMITS);
    let mut client = harness.connect().await;
    let head = b"POST /ignore HTTP/1.1\r\nhost: a\r\ncontent-length: 200000\r\n\r\n";
    client.send(head).await;
    client.send(&vec![b'x'; 100_000]).await;
    let answer = client.receive().await;
    assert_eq!(answer.text(), "ignored");
}

#[tokio::test]
async fn http_1_0_needs_no_host_and_closes() {
    let harness = Harness::start(LIMITS);
    let mut client = harness.connect().await;
    client.send(b"GET / HTTP/1.0\r\n\r\n").await;
    assert_eq!(client.receive().await.text(), "hello");
    client.closed().await;
}

#[tokio::test]
async fn a_panic_costs_its_connection_only() {
    let harness = Harness::start(LIMITS);
    let mut other = harness.connect().await;
    assert_eq!(other.get("/").await.status, 200);
    let mut client = harness.connect().await;
    client.send(b"GET /panic HTTP/1.1\r\nhost: a\r\n\r\n").await;
    client.closed().await;
    assert_eq!(other.get("/").await.status, 200);
}

#[test]
fn a_current_thread_runtime_serves_as_well() {
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()
        .unwrap();
    runtime.block_on(async {
        let harness = Harness::start(LIMITS);
        assert_eq!(harness.connect().await.get("/").await.text(), "hello");
        harness.end().await;
    });
}
