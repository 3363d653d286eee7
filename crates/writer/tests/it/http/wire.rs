//! What only a real connection shows.

use std::net::SocketAddr;

use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    net::{TcpListener, TcpStream},
};

use super::site::{Site, site};

async fn served() -> (Site, SocketAddr) {
    let site = site().await;
    let listener = TcpListener::bind(("127.0.0.1", 0)).await.unwrap();
    let address = listener.local_addr().unwrap();
    let public = site.public.clone();
    tokio::spawn(async move { axum::serve(listener, public).await });
    (site, address)
}

/// Sends these octets and reads until the server closes.
async fn exchange(address: SocketAddr, request: &str) -> String {
    let mut connection = TcpStream::connect(address).await.unwrap();
    connection.write_all(request.as_bytes()).await.unwrap();
    let mut answer = Vec::new();
    connection.read_to_end(&mut answer).await.unwrap();
    String::from_utf8(answer).unwrap()
}

#[tokio::test]
async fn answers_without_content_are_framed_as_such() {
    let (site, address) = served().await;
    let tag = site
        .put("/v1/things/a", r#"{"n":1}"#)
        .await
        .field("etag")
        .to_owned();

    let not_modified = exchange(
        address,
        &format!("GET /v1/things/a HTTP/1.1\r\nhost: x\r\nconnection: close\r\nif-none-match: {tag}\r\n\r\n"),
    )
    .await;
    let head = exchange(
        address,
        "HEAD /v1/things/a HTTP/1.1\r\nhost: x\r\nconnection: close\r\n\r\n",
    )
    .await;
    let deleted = exchange(
        address,
        "DELETE /v1/things/a HTTP/1.1\r\nhost: x\r\nconnection: close\r\n\r\n",
    )
    .await;

    // RFC 9110 §8.6: the length that a 200 would have, or none.
    assert!(not_modified.starts_with("HTTP/1.1 304 "), "{not_modified}");
    assert!(
        !not_modified.contains("content-length: 0"),
        "{not_modified}"
    );
    assert!(not_modified.ends_with("\r\n\r\n"));
    assert!(head.contains("content-length: 7\r\n"), "{head}");
    assert!(head.ends_with("\r\n\r\n"));
    assert!(deleted.starts_with("HTTP/1.1 204 "), "{deleted}");
    assert!(!deleted.contains("content-length"), "{deleted}");
}

#[tokio::test]
async fn whoever_asks_before_sending_is_refused_without_sending() {
    let (_site, address) = served().await;
    // RFC 9110 §10.1.1: the final status instead of 100.
    let answer = exchange(
        address,
        "PUT /v1/things/a HTTP/1.1\r\nhost: x\r\ncontent-type: application/json\r\ncontent-length: 9999999\r\nexpect: 100-continue\r\nconnection: close\r\n\r\n",
    )
    .await;
    assert!(answer.starts_with("HTTP/1.1 413 "), "{answer}");
}

#[tokio::test]
async fn dots_and_slashes_reach_the_router_as_they_were_sent() {
    let (_site, address) = served().await;
    for (target, status) in [
        ("/v1/things/..", 400),
        ("/v1/things/a%2Fb", 404),
        ("/v1/../v1/things/a", 404),
    ] {
        let request = format!("GET {target} HTTP/1.1\r\nhost: x\r\nconnection: close\r\n\r\n");
        let answer = exchange(address, &request).await;
        assert!(
            answer.starts_with(&format!("HTTP/1.1 {status} ")),
            "{target}: {answer}"
        );
    }
}
