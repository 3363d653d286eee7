//! Writers and readers as processes, over a private PostgreSQL and a private Redis.

use std::{ffi::OsString, net::SocketAddr, path::PathBuf};

use serde_json::Value;
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
    database_url: String,
    pub(crate) redis: RedisServer,
    pub(crate) http: reqwest::Client,
    directory: TempDir,
}

/// One writer or reader process.
pub(crate) struct Node {
    /// Ends with the node.
    _process: ServerProcess,
    pub(crate) listen: SocketAddr,
    pub(crate) admin: SocketAddr,
}

impl Fleet {
    /// PostgreSQL and Redis, with no process of ours yet.
    pub(crate) async fn start() -> Self {
        let database_url = Postgres::shared().await.create_database().await;
        Self {
            database: PgPool::connect_lazy(&database_url).expect("a valid URL"),
            database_url,
            redis: RedisServer::start().await,
            http: reqwest::Client::new(),
            directory: TempDir::with_prefix("fleet-").expect("a temporary directory"),
        }
    }

    /// Starts a writer and waits until it takes writes.
    pub(crate) async fn writer(&self, name: &str) -> Node {
        let node = self.node("writer", name, |listen, admin| {
            vec![
                format!("--database-url={}", self.database_url),
                format!("--redis-url={}", self.redis.url()),
                format!("--writer-listen={listen}"),
                format!("--writer-admin-listen={admin}"),
                "--writer-migrate".to_owned(),
                "--drain-delay=0".to_owned(),
            ]
        });
        self.ready(&node).await;
        node
    }

    /// Starts a reader; it may not be ready yet.
    pub(crate) fn reader(&self, name: &str) -> Node {
        self.node("reader", name, |listen, admin| {
            vec![
                format!("--redis-url={}", self.redis.url()),
                format!("--reader-listen={listen}"),
                format!("--reader-admin-listen={admin}"),
                format!("--reader-id={name}"),
                "--reader-threads=1".to_owned(),
                "--drain-delay=0".to_owned(),
            ]
        })
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

    fn node(
        &self,
        program: &str,
        name: &str,
        arguments: impl FnOnce(SocketAddr, SocketAddr) -> Vec<String>,
    ) -> Node {
        let listen = loopback();
        let admin = loopback();
        let mut command: Vec<OsString> = vec![binary(program).into()];
        command.extend(arguments(listen, admin).into_iter().map(OsString::from));
        let pid_file = self.directory.path().join(format!("{name}.pid"));
        let process = ServerProcess::start(&command, &pid_file, None).expect("a shell");
        Node {
            _process: process,
            listen,
            admin,
        }
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
