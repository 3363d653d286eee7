//! How processes end: by a signal, or by what they were told.

use std::{process::Command, time::Duration};

use testkit::eventually;
use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    net::TcpStream,
    time::timeout,
};

use super::logged;
use fleet::{Fleet, Node, binary};

#[test]
fn bad_configuration_ends_with_64_and_all_problems() {
    for (program, arguments, names) in [
        (
            "writer",
            &["--writer-listen=0.0.0.0:0", "--codings=lzw"][..],
            &["CODINGS", "WRITER_LISTEN", "DATABASE_URL", "REDIS_URL"][..],
        ),
        (
            "reader",
            &["--reader-listen=nowhere", "--reader-threads=0"],
            &["READER_LISTEN", "READER_THREADS", "REDIS_URL"],
        ),
        (
            "pressrun",
            &["dev", "--writer-listen=nowhere", "--log-format=xml"],
            &["WRITER_LISTEN", "LOG_FORMAT"],
        ),
    ] {
        let output = Command::new(binary(program))
            .args(arguments)
            .env_clear()
            .output()
            .unwrap();
        let stderr = String::from_utf8(output.stderr).unwrap();
        assert_eq!(output.status.code(), Some(64), "{program}: {stderr}");
        assert!(output.stdout.is_empty(), "{program}");
        let told: Vec<&str> = stderr
            .lines()
            .map(|line| line.split([':', ' ']).next().unwrap_or_default())
            .collect();
        assert_eq!(told, names, "{program}: {stderr}");
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn terminated_writer_finishes_its_requests_and_ends_with_0() {
    let fleet = Fleet::start().await;
    let writer = fleet.writer("writer-1").await;
    let body = r#"{"id":"last","title":"t","content":"c","author":"a"}"#;
    // Half a request: its head is read, its content is awaited.
    let mut request = TcpStream::connect(writer.listen).await.unwrap();
    let head = format!(
        "POST /create HTTP/1.1\r\nHost: w\r\nContent-Type: application/json\r\n\
         Expect: 100-continue\r\nContent-Length: {}\r\n\r\n",
        body.len()
    );
    request.write_all(head.as_bytes()).await.unwrap();
    let answer = read_some(&mut request).await;
    assert!(answer.starts_with("HTTP/1.1 100 "), "{answer}");

    writer.process.signal("TERM").unwrap();
    until_logged(&writer, "closing").await;
    request.write_all(body.as_bytes()).await.unwrap();

    let answer = read_some(&mut request).await;
    assert!(answer.starts_with("HTTP/1.1 201 "), "{answer}");
    assert!(
        answer.to_ascii_lowercase().contains("connection: close"),
        "{answer}"
    );
    until_logged(&writer, "writer ends").await;
    // Connections that idle, as the client's here do, hold nobody up.
    let log = writer.process.log();
    assert!(!log.contains("cutting connections off"), "{log}");
    assert_eq!(writer.process.status().unwrap(), Some(0));
    // What it acknowledged and published is there for others.
    let next = fleet.writer("writer-2").await;
    let reader = fleet.reader("reader-1");
    fleet.ready(&reader).await;
    fleet.until_served(&reader, "last", "c").await;
    drop(next);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn terminated_reader_ends_with_0() {
    let fleet = Fleet::start().await;
    let _writer = fleet.writer("writer-1").await;
    let reader = fleet.reader("reader-1");
    fleet.ready(&reader).await;
    let mut request = TcpStream::connect(reader.listen).await.unwrap();
    request
        .write_all(b"GET /health HTTP/1.1\r\nHost: r\r\n")
        .await
        .unwrap();

    reader.process.signal("TERM").unwrap();
    until_logged(&reader, "closing").await;
    // Whether it was in flight is the server's to say; either way the process ends.
    drop(request.write_all(b"\r\n").await);

    until_logged(&reader, "reader ends").await;
    let log = reader.process.log();
    assert!(!log.contains("cutting connections off"), "{log}");
    assert_eq!(reader.process.status().unwrap(), Some(0));
}

async fn until_logged(node: &Node, words: &str) {
    eventually(words, async || (logged(node, words) > 0).then_some(())).await;
}

async fn read_some(stream: &mut TcpStream) -> String {
    let mut octets = vec![0; 4096];
    let read = timeout(Duration::from_secs(20), stream.read(&mut octets)).await;
    let len = read.expect("an answer in time").expect("an answer");
    String::from_utf8_lossy(&octets[..len]).into_owned()
}
