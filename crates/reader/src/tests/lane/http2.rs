//! HTTP/2 on a lane's listener.

use bytes::Bytes;
use http::{Request, StatusCode, header};
use http_body_util::{BodyExt, Empty};
use hyper::client::conn::http2::{SendRequest, handshake};
use hyper_util::rt::{TokioExecutor, TokioIo};
use service::Limits;
use tokio::{net::TcpStream, task::JoinHandle, time::timeout};

use super::{LARGE_BYTES, LIMITS, PATIENCE, Pair};

type Client = SendRequest<Empty<Bytes>>;

async fn connect(pair: &Pair) -> (Client, JoinHandle<hyper::Result<()>>) {
    let stream = TcpStream::connect(pair.lane).await.unwrap();
    let (client, connection) = handshake(TokioExecutor::new(), TokioIo::new(stream))
        .await
        .unwrap();
    (client, tokio::spawn(connection))
}

async fn get(client: &mut Client, target: &str) -> (StatusCode, http::HeaderMap, Bytes) {
    let request = Request::get(format!("http://x{target}"))
        .header(header::ACCEPT_ENCODING, "br")
        .body(Empty::new())
        .unwrap();
    client.ready().await.unwrap();
    let response = client.send_request(request).await.unwrap();
    let (parts, body) = response.into_parts();
    let content = body.collect().await.unwrap().to_bytes();
    (parts.status, parts.headers, content)
}

#[tokio::test]
async fn documents_are_the_same_over_http_2() {
    let pair = Pair::start();
    let (mut client, _connection) = connect(&pair).await;
    let (status, fields, content) = get(&mut client, "/post?id=coded").await;
    assert_eq!((status, content.len()), (StatusCode::OK, 300));
    assert_eq!(fields[header::CONTENT_ENCODING], "br");
    assert_eq!(fields[header::CONTENT_LENGTH], "300");
    let (status, fields, _) = get(&mut client, "/post?id=none").await;
    assert_eq!(status, StatusCode::NOT_FOUND);
    assert_eq!(fields[header::CACHE_CONTROL], "no-store");
    let (status, _, content) = get(&mut client, "/post?id=large").await;
    assert_eq!((status, content.len()), (StatusCode::OK, LARGE_BYTES));
    let too_long = format!("/post?id=a&{}", "x".repeat(8192));
    let (status, _, _) = get(&mut client, &too_long).await;
    assert_eq!(status, StatusCode::URI_TOO_LONG);
}

#[tokio::test]
async fn requests_of_one_connection_are_answered_at_once() {
    let pair = Pair::start();
    let (client, _connection) = connect(&pair).await;
    let mut asked = tokio::task::JoinSet::new();
    for _ in 0..200 {
        let mut client = client.clone();
        asked.spawn(async move { get(&mut client, "/post?id=plain").await.0 });
    }
    while let Some(status) = asked.join_next().await {
        assert_eq!(status.unwrap(), StatusCode::OK);
    }
    assert_eq!(pair.by_server().hit, 200);
}

#[tokio::test]
async fn drain_tells_clients_to_go_away_and_answers_what_is_open() {
    let pair = Pair::start();
    let (mut client, connection) = connect(&pair).await;
    assert_eq!(get(&mut client, "/post?id=plain").await.0, StatusCode::OK);
    pair.lifecycle.drain();
    timeout(PATIENCE, connection)
        .await
        .unwrap()
        .unwrap()
        .unwrap();
}

#[tokio::test]
async fn silent_connection_is_closed_after_its_time() {
    let limits = Limits {
        // It counts from the start: long enough for a busy machine to ask once.
        idle_timeout: std::time::Duration::from_secs(2),
        ..LIMITS
    };
    let pair = Pair::with(limits);
    let (mut client, connection) = connect(&pair).await;
    assert_eq!(get(&mut client, "/post?id=plain").await.0, StatusCode::OK);
    timeout(PATIENCE, connection)
        .await
        .unwrap()
        .unwrap()
        .unwrap();
    assert_eq!(pair.counters.timed_out.get(), 0);
}

#[tokio::test]
async fn client_that_takes_nothing_is_cut_off() {
    let limits = Limits {
        write_timeout: std::time::Duration::from_secs(1),
        ..LIMITS
    };
    let pair = Pair::with(limits);
    let (mut client, _connection) = connect(&pair).await;
    let request = Request::get("http://x/post?id=large")
        .body(Empty::new())
        .unwrap();
    let response = client.send_request(request).await.unwrap();
    testkit::eventually("it is cut off", async || {
        (pair.counters.timed_out.get() == 1).then_some(())
    })
    .await;
    drop(response);
}
