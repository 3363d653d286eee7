//! Writers and readers as processes, over a private PostgreSQL and a private Redis.

use std::{
    ffi::OsString,
    net::SocketAddr,
    path::{Path, PathBuf},
    sync::Mutex,
};

use serde_json::{Value, json};
use sqlx::PgPool;
use tempfile::TempDir;
use testkit::{
    eventually,
    postgres::Postgres,
    process::{ServerProcess, free_port},
    redis::RedisServer,
};

/// The distributed set-up. Everything in it ends with it.
pub(crate) struct Fleet {
    pub(crate) database: PgPool,
    pub(crate) database_url: String,
    pub(crate) redis: RedisServer,
    pub(crate) http: reqwest::Client,
    directory: TempDir,
    /// The internal planes of the writers started so far: what readers ask while Redis is away.
    writers: Mutex<Vec<String>>,
}

/// One writer or reader process.
pub(crate) struct Node {
    /// Ends with the node.
    pub(crate) process: ServerProcess,
    pub(crate) listen: SocketAddr,
    pub(crate) admin: SocketAddr,
}

impl Fleet {
    /// PostgreSQL and Redis, with no process of ours yet.
    pub(crate) async fn start() -> Self {
        Self::over(Postgres::shared().await.create_database().await).await
    }

    /// The same over a database of the caller's.
    pub(crate) async fn over(database_url: String) -> Self {
        Self {
            database: PgPool::connect_lazy(&database_url).expect("a valid URL"),
            database_url,
            redis: RedisServer::start().await,
            http: reqwest::Client::new(),
            directory: TempDir::with_prefix("fleet-").expect("a temporary directory"),
            writers: Mutex::default(),
        }
    }

    /// Starts a writer and waits until it takes writes.
    pub(crate) async fn writer(&self, name: &str) -> Node {
        self.writer_on(name, &self.redis.url()).await
    }

    /// As [`Self::writer`], with another way to Redis.
    pub(crate) async fn writer_on(&self, name: &str, redis_url: &str) -> Node {
        let node = self.start_writer(name, redis_url);
        self.ready(&node).await;
        node
    }

    /// Starts a writer; it may not be ready yet.
    pub(crate) fn start_writer(&self, name: &str, redis_url: &str) -> Node {
        let (listen, admin) = (loopback(), loopback());
        self.writers
            .lock()
            .expect("no test panicked with it")
            .push(format!("http://{admin}"));
        let arguments = vec![
            format!("--database-url={}", self.database_url),
            format!("--redis-url={redis_url}"),
            format!("--writer-listen={listen}"),
            format!("--writer-admin-listen={admin}"),
            "--writer-migrate".to_owned(),
            "--drain-delay=0".to_owned(),
        ];
        self.node("writer", name, &arguments, listen, admin)
    }

    /// Starts a reader; it may not be ready yet.
    pub(crate) fn reader(&self, name: &str) -> Node {
        self.reader_at(name, loopback(), loopback())
    }

    /// Starts a reader on these addresses, e.g. where one was before.
    pub(crate) fn reader_at(&self, name: &str, listen: SocketAddr, admin: SocketAddr) -> Node {
        let mut arguments = vec![
            format!("--redis-url={}", self.redis.url()),
            format!("--reader-listen={listen}"),
            format!("--reader-admin-listen={admin}"),
            format!("--reader-id={name}"),
            "--reader-threads=1".to_owned(),
            "--drain-delay=0".to_owned(),
        ];
        let writers = self.writers.lock().expect("no test panicked with it");
        if !writers.is_empty() {
            arguments.push(format!("--writer-internal-url={}", writers.join(",")));
        }
        drop(writers);
        self.node("reader", name, &arguments, listen, admin)
    }

    /// Waits until a node says that it is ready.
    pub(crate) async fn ready(&self, node: &Node) {
        eventually("the process is ready", async || {
            let url = format!("http://{}/readyz", node.admin);
            let answer = self.http.get(url).send().await.ok()?;
            answer.status().is_success().then_some(())
        })
        .await;
    }

    /// A node's `/status`.
    pub(crate) async fn status(&self, node: &Node) -> Option<Value> {
        let url = format!("http://{}/status", node.admin);
        let answer = self.http.get(url).send().await.ok()?;
        answer.json().await.ok()
    }

    /// Writes a post through a writer, which acknowledges it.
    pub(crate) async fn create(&self, writer: &Node, id: &str, content: &str) {
        let post = json!({"id": id, "title": id, "content": content, "author": "e2e"});
        let create = format!("http://{}/create", writer.listen);
        let answer = self.http.post(create).json(&post).send().await;
        let status = answer.expect("the writer answers").status();
        assert!(status.is_success(), "{id}: {status}");
    }

    /// Waits until a reader serves a post with this content.
    pub(crate) async fn until_served(&self, reader: &Node, id: &str, content: &str) {
        eventually("the post is served", async || {
            let url = format!("http://{}/v1/posts/{id}", reader.listen);
            let answer = self.http.get(url).send().await.ok()?;
            let post: Value = answer.json().await.ok()?;
            (post["content"] == content).then_some(())
        })
        .await;
    }

    /// The status that a node's admin plane answers with, once it answers.
    pub(crate) async fn asked(&self, node: &Node, path: &str) -> u16 {
        let url = format!("http://{}{path}", node.admin);
        eventually("the admin plane answers", async || {
            let answer = self.http.get(&url).send().await.ok()?;
            Some(answer.status().as_u16())
        })
        .await
    }

    fn node(
        &self,
        program: &str,
        name: &str,
        arguments: &[String],
        listen: SocketAddr,
        admin: SocketAddr,
    ) -> Node {
        Node {
            process: start(program, arguments, &self.directory.path().join(name)),
            listen,
            admin,
        }
    }
}

/// Starts a binary of ours, with its pid and its output in files that begin with `files`.
pub(crate) fn start(program: &str, arguments: &[String], files: &Path) -> ServerProcess {
    let mut command: Vec<OsString> = vec![binary(program).into()];
    command.extend(arguments.iter().map(OsString::from));
    let pid_file = files.with_extension("pid");
    ServerProcess::start(&command, &pid_file, None).expect("a shell")
}

impl Node {
    /// Sends its process a signal, e.g. `"KILL"`.
    pub(crate) fn signal(&self, signal: &str) {
        self.process.signal(signal).expect("the process runs");
    }
}

pub(crate) fn loopback() -> SocketAddr {
    SocketAddr::from(([127, 0, 0, 1], free_port().expect("a free port")))
}

/// A binary of this workspace, built beside the test.
pub(crate) fn binary(name: &str) -> PathBuf {
    let test = std::env::current_exe().expect("the test's own path");
    let directory = test
        .ancestors()
        .nth(2)
        .expect("target/<profile>/deps/<test>");
    let path = directory.join(name);
    assert!(
        path.is_file(),
        "{} is not built: cargo build --workspace --bins",
        path.display()
    );
    path
}
