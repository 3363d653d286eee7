//! Private Redis servers.

use std::{
    ffi::OsString,
    io,
    path::PathBuf,
    sync::atomic::{AtomicU64, Ordering},
    time::Duration,
};

use redis::{AsyncConnectionConfig, Client, InfoDict, Role, aio::MultiplexedConnection};
use tempfile::TempDir;
use tokio::sync::OnceCell;

use crate::{
    Authority,
    process::{ServerProcess, find_program, free_port},
    wait::eventually,
};

/// How many ports are tried until one is still free when the server binds it.
const PORT_ATTEMPTS_MAX: usize = 10;

/// How long a command of a test may take, and a connection for it.
const PATIENCE: Duration = Duration::from_secs(10);

static SHARED: OnceCell<RedisServer> = OnceCell::const_new();
static NAMESPACES: AtomicU64 = AtomicU64::new(0);

/// A Redis server of this test binary's own: on a free port of loopback and on a socket file, in
/// a temporary directory, without persistence. It ends when dropped, or with the test binary.
#[derive(Debug)]
pub struct RedisServer {
    process: ServerProcess,
    port: u16,
    directory: PathBuf,
    /// A configuration file first, if there is one.
    options: Vec<String>,
}

impl RedisServer {
    /// The server that the tests of this binary share; each uses a [`namespace`] of its own and
    /// leaves everything else alone.
    ///
    /// # Panics
    /// Redis is not installed or does not start.
    pub async fn shared() -> &'static Self {
        SHARED.get_or_init(Self::start).await
    }

    /// Starts a server for one test, which may do with it what it likes.
    ///
    /// # Panics
    /// Redis is not installed or does not start.
    pub async fn start() -> Self {
        Self::start_with(&[]).await
    }

    /// As [`Self::start`], with a port beside the plain one that speaks TLS by this authority, and its URL.
    ///
    /// # Panics
    /// Redis is not installed, was built without TLS, or does not start.
    pub async fn with_tls(authority: &Authority) -> (Self, String) {
        let port = free_port().expect("a port is free").to_string();
        let options = authority.redis_options(&port);
        let options: Vec<&str> = options.iter().map(String::as_str).collect();
        let server = Self::start_with(&options).await;
        (server, format!("rediss://127.0.0.1:{port}"))
    }

    /// As [`Self::start`], with options, e.g. `["--maxmemory", "8mb"]`, behind the path of a file of
    /// settings, if there is one.
    ///
    /// # Panics
    /// Redis is not installed or does not start.
    pub async fn start_with(options: &[&str]) -> Self {
        let options: Vec<String> = options.iter().map(|&option| option.to_owned()).collect();
        for _ in 0..PORT_ATTEMPTS_MAX {
            let port = free_port().expect("a port is free");
            let (process, directory) = launch(port, &options);
            let mut server = Self {
                process,
                port,
                directory,
                options: options.clone(),
            };
            if server.is_mine_once_up().await {
                return server;
            }
        }
        panic!("redis-server found no free port in {PORT_ATTEMPTS_MAX} attempts");
    }

    /// `redis://` and the address.
    pub fn url(&self) -> String {
        format!("redis://127.0.0.1:{}", self.port)
    }

    /// `redis+unix://` and the path of the socket file. Another one after [`Self::restart`].
    pub fn unix_url(&self) -> String {
        format!("redis+unix://{}", socket(&self.directory).display())
    }

    /// The TCP port, the same after [`Self::restart`].
    pub fn port(&self) -> u16 {
        self.port
    }

    /// A connection for what a test does behind the back of the code under test.
    ///
    /// # Panics
    /// The server does not answer.
    pub async fn connection(&self) -> MultiplexedConnection {
        self.try_connection()
            .await
            .expect("the test's Redis answers")
    }

    /// Runs one command, given by its words.
    ///
    /// # Panics
    /// The server does not answer, or answers with an error or another type.
    pub async fn command<T: redis::FromRedisValue>(&self, words: &[&str]) -> T {
        let answer = self.try_command(words).await;
        answer.unwrap_or_else(|error| panic!("{words:?}: {error}"))
    }

    /// As [`Self::command`], of a server that may not answer yet, e.g. a replica that loads.
    ///
    /// # Errors
    /// The server does not answer, or answers with an error or another type.
    pub async fn try_command<T: redis::FromRedisValue>(
        &self,
        words: &[&str],
    ) -> redis::RedisResult<T> {
        let mut command = redis::cmd(words[0]);
        command.arg(&words[1..]);
        let mut connection = self.try_connection().await?;
        command.query_async(&mut connection).await
    }

    /// Sets a field of a hash to any octets.
    ///
    /// # Panics
    /// The server does not answer, or there is something else under that key.
    pub async fn store_field(&self, key: &str, field: &str, octets: &[u8]) {
        let mut command = redis::cmd("HSET");
        command.arg(key).arg(field).arg(octets);
        let stored = command.exec_async(&mut self.connection().await).await;
        stored.unwrap_or_else(|error| panic!("HSET {key} {field}: {error}"));
    }

    /// What it calls itself; `None` where it does not answer, or has no link to its master.
    async fn role(&self) -> Option<Role> {
        self.try_command(&["ROLE"]).await.ok()
    }

    /// Whether it calls itself a master; `None` where it does not answer, or has no link to its own.
    pub async fn is_master(&self) -> Option<bool> {
        let role = self.role().await?;
        Some(matches!(role, Role::Primary { .. }))
    }

    /// The port of the master that it has a link to; `None` where it has none.
    pub async fn follows(&self) -> Option<u16> {
        match self.role().await? {
            Role::Replica { primary_port, .. } => Some(primary_port),
            _ => None,
        }
    }

    /// How many octets of changes it has made, or got from its master.
    ///
    /// # Panics
    /// It does not answer.
    pub async fn replicated(&self) -> u64 {
        let told: InfoDict = self.command(&["INFO", "replication"]).await;
        let offset = told.get("master_repl_offset");
        offset.expect("Redis tells how far it is")
    }

    /// Lets it, a replica, get nothing more from its master, as one that falls behind: the master
    /// takes no password, and is given one. [`Self::follow_again`] undoes it.
    ///
    /// # Panics
    /// It does not answer, or is no replica with a link to its master.
    pub async fn fall_behind(&self) {
        let () = self.command(&["CONFIG", "SET", "masterauth", "none"]).await;
        let cut: u64 = self.command(&["CLIENT", "KILL", "TYPE", "master"]).await;
        assert_eq!(cut, 1, "the replica had a link to its master");
    }

    /// Undoes [`Self::fall_behind`].
    ///
    /// # Panics
    /// It does not answer.
    pub async fn follow_again(&self) {
        let () = self.command(&["CONFIG", "SET", "masterauth", ""]).await;
    }

    /// Sends a signal, e.g. `"STOP"` or `"CONT"`.
    ///
    /// # Errors
    /// The server does not run.
    pub fn signal(&self, signal: &str) -> io::Result<()> {
        self.process.signal(signal)
    }

    /// Ends the server at once; everything in it is lost. [`Self::restart`] starts it again.
    ///
    /// # Panics
    /// The server does not run.
    pub fn kill(&self) {
        self.signal("KILL").expect("the server runs");
    }

    /// Ends the server, if it still runs, and starts it again on the same port, empty.
    ///
    /// # Panics
    /// It does not start, e.g. because its port was taken meanwhile.
    pub async fn restart(&mut self) {
        // It may have ended long ago. Its successor can bind the port only after that.
        drop(self.signal("KILL"));
        (self.process, self.directory) = launch(self.port, &self.options);
        let is_mine = self.is_mine_once_up().await;
        assert!(
            is_mine,
            "port {} was taken: {}",
            self.port,
            self.process.log()
        );
    }

    /// Waits until a server answers; whether it is this one and not one that took the port first.
    async fn is_mine_once_up(&mut self) -> bool {
        eventually("redis-server starts", async || {
            if self.process.log().contains("Address already in use") {
                return Some(false);
            }
            let mut connection = self.try_connection().await.ok()?;
            let mut info = redis::cmd("INFO");
            info.arg("server");
            let info: InfoDict = info.query_async(&mut connection).await.ok()?;
            let pid = self.process.pid()?;
            Some(info.get::<u32>("process_id") == Some(pid))
        })
        .await
    }

    async fn try_connection(&self) -> redis::RedisResult<MultiplexedConnection> {
        connect(&self.url()).await
    }
}

/// A connection to any Redis of a test.
///
/// # Errors
/// The server does not answer, or refuses.
pub async fn connect(url: &str) -> redis::RedisResult<MultiplexedConnection> {
    // The library's own patience, half a second for an answer and one for a connection, is too little
    // where tests share few cores.
    let config = AsyncConnectionConfig::new()
        .set_connection_timeout(Some(PATIENCE))
        .set_response_timeout(Some(PATIENCE));
    Client::open(url)?
        .get_multiplexed_async_connection_with_config(&config)
        .await
}

/// A namespace that no other test of this binary uses.
pub fn namespace() -> String {
    format!("test-{}", NAMESPACES.fetch_add(1, Ordering::Relaxed))
}

fn launch(port: u16, options: &[String]) -> (ServerProcess, PathBuf) {
    let program = find_program("redis-server", &[], "apt-get install redis-server");
    let directory = TempDir::with_prefix("redis-")
        .expect("a temporary directory can be made")
        .keep();
    let port = port.to_string();
    let socket = socket(&directory);
    // The server takes a file of settings only as its first argument.
    let begins_with_file = options
        .first()
        .is_some_and(|first| !first.starts_with("--"));
    let (file, options) = options.split_at(usize::from(begins_with_file));
    let mut command: Vec<OsString> = vec![program.into()];
    command.extend(file.iter().map(OsString::from));
    for word in ["--port", &port, "--bind", "127.0.0.1", "--save", ""] {
        command.push(word.into());
    }
    for word in ["--appendonly", "no", "--daemonize", "no"] {
        command.push(word.into());
    }
    command.extend(["--dir".into(), directory.clone().into_os_string()]);
    command.extend(["--unixsocket".into(), socket.into_os_string()]);
    command.extend(options.iter().map(OsString::from));
    let process = ServerProcess::start(&command, &directory.join("redis.pid"), Some(&directory))
        .expect("a shell can be started");
    (process, directory)
}

fn socket(directory: &std::path::Path) -> PathBuf {
    directory.join("redis.sock")
}
