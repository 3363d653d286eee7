//! A writer that anybody can reach and only bearers of tokens can write to.

use std::{fs, path::Path, process::Command};

use fleet::{Fleet, Node, binary};
use reqwest::StatusCode;
use serde_json::json;
use tempfile::TempDir;
use testkit::eventually;

use super::writer;

/// A token as people get it.
struct Token {
    /// For the writer's file.
    line: String,
    /// For its bearer.
    secret: String,
}

impl Token {
    /// Has `pressrun token new` make one.
    fn new(name: &str, scope: &str) -> Self {
        let output = Command::new(binary("pressrun"))
            .args(["token", "new", "--name", name, "--scope", scope])
            .output()
            .expect("pressrun is built");
        let said = String::from_utf8(output.stderr).expect("text");
        let secret = said
            .split_whitespace()
            .find(|word| word.starts_with("pressrun_"));
        Self {
            line: String::from_utf8(output.stdout).expect("text"),
            secret: secret.expect("a secret").to_owned(),
        }
    }
}

/// What a writer answers to a document that a bearer of this puts.
async fn put(fleet: &Fleet, writer: &Node, key: &str, bearer: Option<&str>) -> StatusCode {
    let body = json!({"title": "t", "content": "c", "author": "a"});
    let url = format!("http://{}/v1/{key}", writer.listen);
    let mut request = fleet.http.put(url).json(&body);
    if let Some(secret) = bearer {
        request = request.bearer_auth(secret);
    }
    request.send().await.expect("an answer").status()
}

fn write(path: &Path, lines: &[&str]) {
    // As a secret is mounted: another file takes its name.
    let new = path.with_extension("new");
    fs::write(&new, lines.concat()).expect("the file can be written");
    fs::rename(&new, path).expect("the file can be renamed");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn who_may_write_what_follows_the_file_while_the_writer_runs() {
    let fleet = Fleet::start().await;
    let directory = TempDir::with_prefix("tokens-").expect("a temporary directory");
    let path = directory.path().join("tokens");
    let editor = Token::new("editor", "posts:write");
    let importer = Token::new("importer", "*:write");
    write(&path, &[&editor.line, &importer.line]);
    let writer = writer(
        directory.path(),
        "writer-1",
        &[
            format!("--database-url={}", fleet.database_url),
            format!("--redis-url={}", fleet.redis.url()),
            format!("--writer-tokens-file={}", path.display()),
            "--writer-migrate".to_owned(),
        ],
    );
    fleet.ready(&writer).await;
    let pid = writer.process.pid();

    for (key, bearer, expected) in [
        ("posts/a", None, 401),
        ("posts/a", Some("pressrun_guess"), 401),
        ("posts/a", Some(&*editor.secret), 201),
        ("flags/a", Some(&editor.secret), 403),
        ("flags/a", Some(&importer.secret), 201),
        ("posts/a", Some(&importer.secret), 200),
    ] {
        let status = put(&fleet, &writer, key, bearer).await;
        assert_eq!(status, expected, "{key} {bearer:?}");
    }
    let read = format!("http://{}/v1/flags/a", writer.listen);
    let answer = fleet.http.get(&read).send().await.expect("an answer");
    assert_eq!(answer.status(), 200, "reads need no token");

    let guest = Token::new("guest", "flags:write");
    write(&path, &[&editor.line, &guest.line]);
    for (key, secret, expected) in [
        ("flags/a", &importer.secret, 401),
        ("flags/a", &guest.secret, 200),
        ("posts/a", &guest.secret, 403),
        ("posts/a", &editor.secret, 200),
    ] {
        eventually("the new file counts", async || {
            let status = put(&fleet, &writer, key, Some(secret)).await;
            (status == expected).then_some(())
        })
        .await;
    }

    // A secret where its hash belongs: the writer complains of the line and does not repeat it.
    let pasted = format!("careless posts:write {}\n", importer.secret);
    write(&path, &[&editor.line, &pasted]);
    eventually("the writer complains of the file", async || {
        let log = writer.process.log();
        log.contains("the file of tokens cannot be used")
            .then_some(())
    })
    .await;
    let status = put(&fleet, &writer, "posts/a", Some(&editor.secret)).await;
    assert_eq!(status, 200, "the tokens before it stay");

    assert_eq!(writer.process.pid(), pid, "it was the same process");
    let log = writer.process.log();
    for token in [&editor, &importer, &guest] {
        assert!(!log.contains(&token.secret), "{log}");
    }
}
