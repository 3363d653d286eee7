//! What the connection adds or must not add, seen as octets on a socket.

use std::{sync::Arc, time::Duration};

use ::service::{Lifecycle, Limits, Server};
use http::HeaderValue;
use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    net::{TcpListener, TcpStream},
};

use super::{holding, put};
use crate::http::data::{DataPlane, service};

/// Sends one request and gives the head and the content of what comes back.
async fn exchange(method: &str, target: &str, line: &str) -> (String, String) {
    let catalog = holding(&[put("posts/a", 1, "octets")]).0;
    let no_cache = HeaderValue::from_static("no-cache");
    let plane = DataPlane::new(catalog, no_cache, Arc::new(|| false), Arc::default());
    let listener = TcpListener::bind(("127.0.0.1", 0)).await.unwrap();
    let address = listener.local_addr().unwrap();
    let lifecycle = Lifecycle::new(Duration::ZERO, Duration::ZERO);
    let server = Server::new(Limits::STANDARD, lifecycle);
    let server = tokio::spawn(server.serve(listener, service(plane)));
    let mut stream = TcpStream::connect(address).await.unwrap();
    let request =
        format!("{method} {target} HTTP/1.1\r\nHost: r\r\nConnection: close\r\n{line}\r\n");
    stream.write_all(request.as_bytes()).await.unwrap();
    let mut answer = String::new();
    stream.read_to_string(&mut answer).await.unwrap();
    server.abort();
    let (head, content) = answer.split_once("\r\n\r\n").unwrap();
    (head.to_lowercase(), content.to_owned())
}

fn count(head: &str, name: &str) -> usize {
    let prefix = format!("\r\n{name}: ");
    head.matches(&prefix).count()
}

#[tokio::test]
async fn every_answer_has_one_date() {
    for target in ["/v1/posts/a", "/v1/posts/none", "/none", "/health"] {
        let (head, _) = exchange("GET", target, "").await;
        assert_eq!(count(&head, "date"), 1, "{head}");
    }
    let (head, _) = exchange("GET", "/v1/posts/a", "If-None-Match: *\r\n").await;
    assert_eq!(count(&head, "date"), 1, "{head}");
}

#[tokio::test]
async fn a_document_has_one_content_length() {
    let (head, content) = exchange("GET", "/v1/posts/a", "").await;
    assert!(head.starts_with("http/1.1 200"), "{head}");
    assert!(head.contains("\r\ncontent-length: 6"), "{head}");
    assert_eq!(count(&head, "content-length"), 1, "{head}");
    assert_eq!(content, "octets");
}

#[tokio::test]
async fn head_has_the_content_length_of_get() {
    let (head, content) = exchange("HEAD", "/v1/posts/a", "").await;
    assert!(head.starts_with("http/1.1 200"), "{head}");
    assert!(head.contains("\r\ncontent-length: 6"), "{head}");
    assert_eq!(content, "");
}

#[tokio::test]
async fn not_modified_has_neither_length_nor_chunks() {
    for method in ["GET", "HEAD"] {
        let (head, content) = exchange(method, "/v1/posts/a", "If-None-Match: *\r\n").await;
        assert!(head.starts_with("http/1.1 304"), "{head}");
        assert_eq!(count(&head, "content-length"), 0, "{head}");
        assert_eq!(count(&head, "transfer-encoding"), 0, "{head}");
        assert_eq!(content, "");
    }
}
