//! Writers and readers as processes, over a private PostgreSQL and a private Redis.

use std::{
    ffi::OsString,
    net::SocketAddr,
    path::{Path, PathBuf},
    sync::Mutex,
    time::Duration,
};

use serde_json::{Value, json};
use sqlx::PgPool;
use tempfile::TempDir;
use testkit::{
    clock::Clock,
    eventually,
    postgres::Postgres,
    process::{ServerProcess, free_port},
    redis::RedisServer,
};

/// How long a connection waits for another request: far below what our servers grant, 75 s.
const POOL_IDLE_TIMEOUT: Duration = Duration::from_secs(30);

/// The distributed set-up. Everything in it ends with it.
#[derive(Debug)]
pub struct Fleet {
    /// Sessions of the caller's own.
    pub database: PgPool,
    /// Where writers find it.
    pub database_url: String,
    /// The bus.
    pub redis: RedisServer,
    /// To ask processes.
    pub http: reqwest::Client,
    /// What processes started from now on take the time from; `None`: from the system.
    pub clock: Option<Clock>,
    directory: TempDir,
    /// The internal planes of the writers started so far: what readers ask while Redis is away.
    writers: Mutex<Vec<String>>,
}

/// One writer or reader process.
#[derive(Debug)]
pub struct Node {
    /// Ends with the node.
    pub process: ServerProcess,
    /// Its data or public plane.
    pub listen: SocketAddr,
    /// Its admin or internal plane.
    pub admin: SocketAddr,
}

impl Fleet {
    /// PostgreSQL and Redis, with no process of ours yet.
    ///
    /// # Panics
    /// PostgreSQL or Redis cannot be started.
    pub async fn start() -> Self {
        Self::over(Postgres::shared().await.create_database().await).await
    }

    /// The same over a database of the caller's.
    ///
    /// # Panics
    /// Redis cannot be started.
    pub async fn over(database_url: String) -> Self {
        Self {
            database: PgPool::connect_lazy(&database_url).expect("a valid URL"),
            database_url,
            redis: RedisServer::start().await,
            http: client(),
            clock: None,
            directory: TempDir::with_prefix("fleet-").expect("a temporary directory"),
            writers: Mutex::default(),
        }
    }

    /// Has writers started from now on, and the caller's own sessions, use another database.
    ///
    /// # Panics
    /// It is not the URL of one.
    pub fn use_database(&mut self, database_url: &str) {
        database_url.clone_into(&mut self.database_url);
        self.database = PgPool::connect_lazy(database_url).expect("a valid URL");
    }

    /// Starts a writer and waits until it takes writes.
    ///
    /// # Panics
    /// It does not become ready.
    pub async fn writer(&self, name: &str) -> Node {
        self.writer_on(name, &self.redis.url()).await
    }

    /// As [`Self::writer`], with another way to Redis.
    ///
    /// # Panics
    /// It does not become ready.
    pub async fn writer_on(&self, name: &str, redis_url: &str) -> Node {
        let node = self.start_writer(name, redis_url);
        self.ready(&node).await;
        node
    }

    /// Starts a writer; it may not be ready yet.
    ///
    /// # Panics
    /// It is not built.
    pub fn start_writer(&self, name: &str, redis_url: &str) -> Node {
        let (listen, admin) = (loopback(), loopback());
        self.writers
            .lock()
            .expect("no test panicked with it")
            .push(format!("http://{admin}"));
        self.writer_at(name, redis_url, listen, admin)
    }

    /// Starts a writer on these addresses, e.g. where one was before.
    ///
    /// # Panics
    /// It is not built.
    pub fn writer_at(
        &self,
        name: &str,
        redis_url: &str,
        listen: SocketAddr,
        admin: SocketAddr,
    ) -> Node {
        let arguments = self.writer_arguments(redis_url, listen, admin);
        self.node("writer", name, &arguments, listen, admin)
    }

    fn writer_arguments(
        &self,
        redis_url: &str,
        listen: SocketAddr,
        admin: SocketAddr,
    ) -> Vec<String> {
        vec![
            format!("--database-url={}", self.database_url),
            format!("--redis-url={redis_url}"),
            format!("--writer-listen={listen}"),
            format!("--writer-admin-listen={admin}"),
            "--writer-migrate".to_owned(),
            "--drain-delay=0".to_owned(),
        ]
    }

    /// Starts a reader; it may not be ready yet.
    ///
    /// # Panics
    /// It is not built.
    pub fn reader(&self, name: &str) -> Node {
        self.reader_at(name, loopback(), loopback())
    }

    /// Starts a reader that is told more, which overrides what it is told here.
    ///
    /// # Panics
    /// It is not built.
    pub fn reader_with(&self, name: &str, more: &[String]) -> Node {
        let writers = self.writers.lock().expect("no test panicked with it");
        let (listen, admin) = (loopback(), loopback());
        let url = self.redis.url();
        let mut arguments = reader_arguments(name, &url, &writers, listen, admin);
        override_with(&mut arguments, more);
        self.node("reader", name, &arguments, listen, admin)
    }

    /// Starts a writer that is told more, which overrides what it is told here, and waits until it
    /// takes writes.
    ///
    /// # Panics
    /// It does not become ready.
    pub async fn writer_with(&self, name: &str, more: &[String]) -> Node {
        let (listen, admin) = (loopback(), loopback());
        let mut arguments = self.writer_arguments(&self.redis.url(), listen, admin);
        override_with(&mut arguments, more);
        let node = self.node("writer", name, &arguments, listen, admin);
        self.ready(&node).await;
        node
    }

    /// Starts a reader on these addresses, e.g. where one was before.
    ///
    /// # Panics
    /// It is not built.
    pub fn reader_at(&self, name: &str, listen: SocketAddr, admin: SocketAddr) -> Node {
        let writers = self.writers.lock().expect("no test panicked with it");
        let writers = writers.clone();
        self.reader_over(name, &self.redis.url(), &writers, listen, admin)
    }

    /// Starts a reader that reaches Redis and the writers' internal planes by these URLs.
    ///
    /// # Panics
    /// It is not built.
    pub fn reader_over(
        &self,
        name: &str,
        redis_url: &str,
        writers: &[String],
        listen: SocketAddr,
        admin: SocketAddr,
    ) -> Node {
        let arguments = reader_arguments(name, redis_url, writers, listen, admin);
        self.node("reader", name, &arguments, listen, admin)
    }

    /// Waits until a node says that it is ready.
    ///
    /// # Panics
    /// It does not become ready.
    pub async fn ready(&self, node: &Node) {
        eventually("the process is ready", async || {
            let url = format!("http://{}/readyz", node.admin);
            let answer = self.http.get(url).send().await.ok()?;
            answer.status().is_success().then_some(())
        })
        .await;
    }

    /// A node's `/status`.
    pub async fn status(&self, node: &Node) -> Option<Value> {
        let url = format!("http://{}/status", node.admin);
        let answer = self.http.get(url).send().await.ok()?;
        answer.json().await.ok()
    }

    /// Writes a post through a writer, which acknowledges it.
    ///
    /// # Panics
    /// The write is not acknowledged.
    pub async fn create(&self, writer: &Node, id: &str, content: &str) {
        let post = json!({"id": id, "title": id, "content": content, "author": "e2e"});
        let create = format!("http://{}/create", writer.listen);
        let answer = self.http.post(create).json(&post).send().await;
        let status = answer.expect("the writer answers").status();
        assert!(status.is_success(), "{id}: {status}");
    }

    /// Waits until a reader serves a post with this content.
    ///
    /// # Panics
    /// It is not, for a minute.
    pub async fn until_served(&self, reader: &Node, id: &str, content: &str) {
        eventually("the post is served", async || {
            let url = format!("http://{}/v1/posts/{id}", reader.listen);
            let answer = self.http.get(url).send().await.ok()?;
            let post: Value = answer.json().await.ok()?;
            (post["content"] == content).then_some(())
        })
        .await;
    }

    /// The status that a node's admin plane answers with, once it answers.
    ///
    /// # Panics
    /// It does not answer, for a minute.
    pub async fn asked(&self, node: &Node, path: &str) -> u16 {
        let url = format!("http://{}{path}", node.admin);
        eventually("the admin plane answers", async || {
            let answer = self.http.get(&url).send().await.ok()?;
            Some(answer.status().as_u16())
        })
        .await
    }

    /// A file's path in a directory that ends with this.
    pub fn file(&self, name: &str) -> PathBuf {
        self.directory.path().join(name)
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
            process: start_by(
                self.clock.as_ref(),
                program,
                arguments,
                &self.directory.path().join(name),
            ),
            listen,
            admin,
        }
    }
}

/// One that lets connections go before a server does, as a gateway has to: else a request may meet a
/// connection that is just being closed.
fn client() -> reqwest::Client {
    let client = reqwest::Client::builder().pool_idle_timeout(POOL_IDLE_TIMEOUT);
    client.build().expect("a client of plain HTTP")
}

fn reader_arguments(
    name: &str,
    redis_url: &str,
    writers: &[String],
    listen: SocketAddr,
    admin: SocketAddr,
) -> Vec<String> {
    let mut arguments = vec![
        format!("--redis-url={redis_url}"),
        format!("--reader-listen={listen}"),
        format!("--reader-admin-listen={admin}"),
        format!("--reader-id={name}"),
        "--reader-threads=1".to_owned(),
        "--drain-delay=0".to_owned(),
    ];
    if !writers.is_empty() {
        arguments.push(format!("--writer-internal-url={}", writers.join(",")));
    }
    arguments
}

/// Puts these, each `--NAME=VALUE`, in the place of those of the same names.
fn override_with(arguments: &mut Vec<String>, more: &[String]) {
    let name = |argument: &str| argument.split('=').next().unwrap_or_default().to_owned();
    arguments.retain(|one| more.iter().all(|other| name(other) != name(one)));
    arguments.extend_from_slice(more);
}

/// Starts a binary of ours, with its pid and its output in files that begin with `files`.
///
/// # Panics
/// It is not built, or no shell can be started.
pub fn start(program: &str, arguments: &[String], files: &Path) -> ServerProcess {
    start_by(None, program, arguments, files)
}

fn start_by(
    clock: Option<&Clock>,
    program: &str,
    arguments: &[String],
    files: &Path,
) -> ServerProcess {
    let mut command = clock.map(Clock::before).unwrap_or_default();
    command.push(binary(program).into());
    command.extend(arguments.iter().map(OsString::from));
    let pid_file = files.with_extension("pid");
    ServerProcess::start(&command, &pid_file, None).expect("a shell")
}

impl Node {
    /// Sends its process a signal, e.g. `"KILL"`.
    ///
    /// # Panics
    /// It does not run.
    pub fn signal(&self, signal: &str) {
        self.process.signal(signal).expect("the process runs");
    }
}

/// An address of loopback whose port was free a moment ago.
///
/// # Panics
/// No port is free.
pub fn loopback() -> SocketAddr {
    SocketAddr::from(([127, 0, 0, 1], free_port().expect("a free port")))
}

/// A binary of this workspace, built beside this one or, for tests, a directory above.
///
/// # Panics
/// It is not built.
pub fn binary(name: &str) -> PathBuf {
    let own = std::env::current_exe().expect("the program's own path");
    let built = own.ancestors().skip(1).take(2).map(|it| it.join(name));
    let found = built.into_iter().find(|path| path.is_file());
    found.unwrap_or_else(|| panic!("{name} is not built: cargo build --workspace --bins"))
}
