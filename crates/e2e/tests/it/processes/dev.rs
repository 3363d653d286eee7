//! `pressrun dev`: the whole system in one process.

use std::{collections::BTreeSet, io::Read, net::SocketAddr, path::Path, process::Command};

use bytes::Bytes;
use reqwest::{Client, Response};
use serde_json::{Value, json};
use testkit::{eventually, process::ServerProcess};

use fleet::{binary, loopback, start};

/// One process over a data directory.
struct Dev {
    process: ServerProcess,
    writer: SocketAddr,
    reader: SocketAddr,
    http: Client,
}

impl Dev {
    async fn start(data: &Path, name: &str) -> Self {
        let (writer, reader) = (loopback(), loopback());
        let arguments = arguments(data, writer, reader);
        let dev = Self {
            process: start("pressrun", &arguments, &data.with_file_name(name)),
            writer,
            reader,
            http: Client::new(),
        };
        eventually("the reader is ready", async || {
            let health = dev.http.get(format!("http://{reader}/health"));
            let answer = health.send().await.ok()?;
            answer.status().is_success().then_some(())
        })
        .await;
        dev
    }

    async fn create(&self, content: &str) -> Response {
        let post = json!({"id": "a", "title": "t", "content": content, "author": "e2e"});
        let url = format!("http://{}/create", self.writer);
        self.http
            .post(url)
            .json(&post)
            .send()
            .await
            .expect("an answer")
    }

    async fn read(&self, field: &'static str, value: &str) -> Response {
        let url = format!("http://{}/post?id=a", self.reader);
        let read = self.http.get(url).header(field, value);
        read.send().await.expect("an answer")
    }

    /// Waits until the post is served with this content, and gives the identity body.
    async fn until_served(&self, content: &str) -> Bytes {
        eventually("the post is served", async || {
            let answer = self.read("accept-encoding", "identity").await;
            let body = answer.bytes().await.ok()?;
            let post: Value = serde_json::from_slice(&body).ok()?;
            (post["content"] == content).then_some(body)
        })
        .await
    }
}

fn arguments(data: &Path, writer: SocketAddr, reader: SocketAddr) -> Vec<String> {
    vec![
        "dev".to_owned(),
        format!("--data-dir={}", data.display()),
        format!("--writer-listen={writer}"),
        format!("--writer-admin-listen={}", loopback()),
        format!("--reader-listen={reader}"),
        format!("--reader-admin-listen={}", loopback()),
        "--reader-threads=1".to_owned(),
    ]
}

fn decode(coding: &str, octets: &Bytes) -> Vec<u8> {
    let mut body = Vec::new();
    match coding {
        "identity" => body.extend_from_slice(octets),
        "br" => drop(
            brotli::Decompressor::new(&octets[..], 4096)
                .read_to_end(&mut body)
                .expect("it decodes"),
        ),
        "gzip" => drop(
            flate2::read::GzDecoder::new(&octets[..])
                .read_to_end(&mut body)
                .expect("it decodes"),
        ),
        "zstd" => body = zstd::decode_all(&octets[..]).expect("it decodes"),
        other => panic!("{other} was not asked for"),
    }
    body
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn dev_writes_reads_and_keeps_its_documents() {
    let home = tempfile::tempdir().expect("a temporary directory");
    let data = home.path().join("data");
    let dev = Dev::start(&data, "first").await;
    let content = "Printed once, read everywhere. ".repeat(100);

    assert_eq!(dev.create(&content).await.status(), 201);
    let identity = dev.until_served(&content).await;
    let mut tags = BTreeSet::new();
    for coding in ["identity", "br", "gzip", "zstd"] {
        let answer = dev.read("accept-encoding", coding).await;
        assert_eq!(answer.status(), 200);
        let headers = answer.headers().clone();
        let coded = headers
            .get("content-encoding")
            .map(|value| value.to_str().expect("visible ASCII"));
        assert_eq!(coded.unwrap_or("identity"), coding);
        assert_eq!(headers["vary"], "Accept-Encoding");
        let octets = answer.bytes().await.expect("the whole body");
        assert_eq!(headers["content-length"], octets.len().to_string());
        assert_eq!(decode(coding, &octets), identity, "{coding}");
        tags.insert(headers["etag"].to_str().expect("visible ASCII").to_owned());
    }
    assert_eq!(tags.len(), 4, "each representation has a tag of its own");
    check_revalidation(&dev).await;

    assert_eq!(dev.create("second").await.status(), 200);
    dev.until_served("second").await;
    drop(dev);

    let dev = Dev::start(&data, "second").await;
    dev.until_served("second").await;
    let url = format!("http://{}/v1/posts/a", dev.writer);
    assert_eq!(
        dev.http
            .delete(url)
            .send()
            .await
            .expect("an answer")
            .status(),
        204
    );
    eventually("the post is gone", async || {
        let answer = dev.read("accept-encoding", "identity").await;
        (answer.status() == 404).then_some(())
    })
    .await;
}

async fn check_revalidation(dev: &Dev) {
    let url = format!("http://{}/post?id=a", dev.reader);
    for coding in ["identity", "br", "gzip", "zstd"] {
        let first = dev.read("accept-encoding", coding).await;
        let tag = first.headers()["etag"].clone();
        let again = dev.http.get(&url).header("accept-encoding", coding);
        let again = again
            .header("if-none-match", tag.clone())
            .send()
            .await
            .expect("an answer");
        assert_eq!(again.status(), 304, "{coding}");
        assert_eq!(again.headers()["etag"], tag);
        assert!(again.bytes().await.expect("the whole body").is_empty());
        // The tag of one representation says nothing about another.
        let other = if coding == "br" { "gzip" } else { "br" };
        let other = dev.http.get(&url).header("accept-encoding", other);
        let other = other
            .header("if-none-match", tag)
            .send()
            .await
            .expect("an answer");
        assert_eq!(other.status(), 200, "{coding}");
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn second_process_on_a_data_directory_is_refused() {
    let home = tempfile::tempdir().expect("a temporary directory");
    let data = home.path().join("data");
    let first = Dev::start(&data, "first").await;

    let second = Command::new(binary("pressrun"))
        .args(arguments(&data, loopback(), loopback()))
        .output()
        .expect("it is there");

    let stderr = String::from_utf8_lossy(&second.stderr);
    assert_eq!(second.status.code(), Some(1), "{stderr}");
    assert!(
        stderr.contains("another process uses the data directory"),
        "{stderr}"
    );
    assert!(stderr.contains(&data.display().to_string()), "{stderr}");
    // The first one goes on, and ends in its own time.
    assert_eq!(first.create("still here").await.status(), 201);
    first.until_served("still here").await;
    first.process.signal("TERM").expect("the process runs");
    eventually("it ends", async || {
        first.process.log().contains("pressrun ends").then_some(())
    })
    .await;
    assert_eq!(first.process.status().expect("the process runs"), Some(0));
}
