//! HTTP/2 on a lane's listener.

use bytes::Bytes;
use http::{Request, StatusCode, header};
use http_body_util::{BodyExt, Empty};
use hyper::client::conn::http2::{SendRequest, handshake};
use hyper_util::rt::{TokioExecutor, TokioIo};
use service::Limits;
use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    net::TcpStream,
    task::JoinHandle,
    time::timeout,
};

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

/// Speaks HTTP/2 by hand: sends a preface and no settings, and gives the server's first frames, as
/// kind and payload, until one of this kind.
async fn first_frames(stream: &mut TcpStream, last: u8) -> Vec<(u8, Vec<u8>)> {
    let preface = b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n\0\0\0\x04\0\0\0\0\0";
    stream.write_all(preface).await.unwrap();
    let mut frames = Vec::new();
    loop {
        let mut head = [0; 9];
        stream.read_exact(&mut head).await.unwrap();
        let len = u32::from_be_bytes([0, head[0], head[1], head[2]]);
        let mut payload = vec![0; usize::try_from(len).unwrap()];
        stream.read_exact(&mut payload).await.unwrap();
        frames.push((head[3], payload));
        if head[3] == last {
            return frames;
        }
    }
}

const SETTINGS: u8 = 4;
const GOAWAY: u8 = 7;
const WINDOW_UPDATE: u8 = 8;

#[tokio::test]
async fn settings_tell_clients_what_they_may_send_ahead() {
    let pair = Pair::start();
    let mut stream = TcpStream::connect(pair.lane).await.unwrap();
    // The second one acknowledges ours: what comes by then is all that the server begins with.
    let mut frames = first_frames(&mut stream, SETTINGS).await;
    let (_, told) = frames.remove(0);
    let settings: std::collections::BTreeMap<u16, u32> = told
        .chunks(6)
        .map(|one| {
            let value = u32::from_be_bytes([one[2], one[3], one[4], one[5]]);
            (u16::from_be_bytes([one[0], one[1]]), value)
        })
        .collect();
    let of = |id: u16| settings.get(&id).copied();
    assert_eq!(of(3), Some(256), "streams");
    assert_eq!(of(4).unwrap_or(65_535), 65_535, "octets ahead in a stream");
    assert_eq!(of(6), u32::try_from(LIMITS.head_bytes_max).ok());
    // A connection's window can only be raised by a frame of its own.
    let mut head = [0; 9];
    stream.read_exact(&mut head).await.unwrap();
    assert_ne!(head[3], WINDOW_UPDATE);
}

#[tokio::test]
async fn connections_over_the_cap_are_told_to_go_away() {
    let limits = Limits {
        http2_connections_max: 2,
        ..LIMITS
    };
    let pair = Pair::with(limits);
    let mut clients = Vec::new();
    for _ in 0..2 {
        let (mut client, connection) = connect(&pair).await;
        assert_eq!(get(&mut client, "/post?id=plain").await.0, StatusCode::OK);
        clients.push((client, connection));
    }
    let mut third = TcpStream::connect(pair.lane).await.unwrap();
    let frames = first_frames(&mut third, GOAWAY).await;
    let (_, go_away) = frames.last().unwrap();
    assert_eq!(go_away[..], [0, 0, 0, 0, 0, 0, 0, 0xb]);
    assert_eq!(third.read(&mut [0; 1]).await.unwrap(), 0, "it is closed");
    assert_eq!(pair.counters.rejected.get(), 1);
    assert_eq!(pair.counters.http2_active.get(), 2, "it is none of them");

    let (client, connection) = clients.remove(0);
    drop(client);
    timeout(PATIENCE, connection)
        .await
        .unwrap()
        .unwrap()
        .unwrap();
    testkit::eventually("there is room again", async || {
        (pair.counters.http2_active.get() == 1).then_some(())
    })
    .await;
    let (mut client, _connection) = connect(&pair).await;
    assert_eq!(get(&mut client, "/post?id=plain").await.0, StatusCode::OK);
}

#[tokio::test]
async fn requests_over_the_cap_are_503() {
    let limits = Limits {
        http2_requests_max: 1,
        ..LIMITS
    };
    let pair = Pair::with(limits);
    let (mut client, _connection) = connect(&pair).await;
    // Its content is not taken, so it stays open.
    let request = Request::get("http://x/post?id=large")
        .body(Empty::new())
        .unwrap();
    let open = client.send_request(request).await.unwrap();
    let (status, fields, _) = get(&mut client, "/post?id=plain").await;
    assert_eq!(status, StatusCode::SERVICE_UNAVAILABLE);
    assert_eq!(fields[header::RETRY_AFTER], "1");
    assert_eq!(open.status(), StatusCode::OK);

    drop(open);

    testkit::eventually("it is closed", async || {
        (pair.counters.http2_requests.get() == 0).then_some(())
    })
    .await;
    assert_eq!(get(&mut client, "/post?id=plain").await.0, StatusCode::OK);
}
