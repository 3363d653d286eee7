//! A private `HAProxy`, in the place of a gateway that checks the health of what it spreads
//! requests over.

use std::{
    collections::HashMap,
    ffi::OsString,
    fmt::Write,
    io,
    net::SocketAddr,
    path::{Path, PathBuf},
};

use tempfile::TempDir;
use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    net::UnixStream,
};

use crate::{
    process::{ServerProcess, find_program, free_port},
    wait::eventually,
};

/// How many ports are tried until one is still free when it is bound.
const PORT_ATTEMPTS_MAX: usize = 10;

/// Where Debian puts the program; not in everybody's `PATH`.
const PROGRAMS: &str = "/usr/sbin";

/// Tries another server where one is not there or breaks off before it answers.
const SECOND_TRIES: &str = "\
    retries 3
    option redispatch 1
    retry-on conn-failure empty-response
";

/// What one server fails, a client is told.
const NO_SECOND_TRIES: &str = "\
    retries 0
";

/// What it does, but for addresses and second tries: asks every server's `/health` ten times a
/// second, and believes the first answer. Who is not there refuses at once; who is only slow has time.
const SETTINGS: &str = "\
    nbthread 1
defaults
    mode http
    timeout connect 10s
    timeout client 30s
    timeout server 10s
    timeout check 10s
    option httpchk GET /health
    default-server check inter 100ms fall 1 rise 1
";

const LISTEN: &str = "\
listen gateway
    balance roundrobin
";

/// A gateway of one test, on loopback. It ends when dropped, or with the test binary.
#[derive(Debug)]
pub struct HaProxy {
    process: ServerProcess,
    port: u16,
    socket: PathBuf,
}

/// How a gateway sees one of its servers.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Backend {
    /// Whether requests go there.
    pub is_up: bool,
    /// Successful answers that came from there so far.
    pub answers: u64,
}

impl HaProxy {
    /// Starts a gateway before these servers, which tries another one where one is not there or
    /// breaks off before it answers.
    ///
    /// # Panics
    /// `HAProxy` is not installed or does not start.
    pub async fn start(servers: &[SocketAddr]) -> Self {
        Self::start_with(SECOND_TRIES, servers).await
    }

    /// As [`Self::start`], without second tries: only health checks keep requests from a server
    /// that goes away.
    ///
    /// # Panics
    /// `HAProxy` is not installed or does not start.
    pub async fn start_strict(servers: &[SocketAddr]) -> Self {
        Self::start_with(NO_SECOND_TRIES, servers).await
    }

    async fn start_with(tries: &str, servers: &[SocketAddr]) -> Self {
        let mut log = String::new();
        for _ in 0..PORT_ATTEMPTS_MAX {
            let gateway = Self::launch(free_port().expect("a port is free"), tries, servers);
            let is_up = eventually("HAProxy starts", async || {
                if gateway.backends().await.is_ok() {
                    return Some(true);
                }
                gateway.process.log().contains("[ALERT]").then_some(false)
            });
            if is_up.await {
                return gateway;
            }
            log = gateway.process.log();
        }
        panic!("HAProxy does not start:\n{log}");
    }

    /// Where clients send their requests.
    pub fn url(&self) -> String {
        format!("http://127.0.0.1:{}", self.port)
    }

    /// Its servers, in the order in which they were given.
    ///
    /// # Errors
    /// It does not answer.
    pub async fn backends(&self) -> io::Result<Vec<Backend>> {
        let mut socket = UnixStream::connect(&self.socket).await?;
        socket.write_all(b"show stat\n").await?;
        let mut table = String::new();
        socket.read_to_string(&mut table).await?;
        Ok(parse(&table))
    }

    fn launch(port: u16, tries: &str, servers: &[SocketAddr]) -> Self {
        let install = "apt-get install haproxy";
        let program = find_program("haproxy", &[PathBuf::from(PROGRAMS)], install);
        let directory = TempDir::with_prefix("haproxy-")
            .expect("a temporary directory can be made")
            .keep();
        let socket = directory.join("stats.sock");
        let file = directory.join("haproxy.cfg");
        if let Err(error) = std::fs::write(&file, settings(port, tries, &socket, servers)) {
            panic!("{}: {error}", file.display());
        }
        // In the foreground, as a single process.
        let command: Vec<OsString> = vec![program.into(), "-db".into(), "-f".into(), file.into()];
        let process =
            ServerProcess::start(&command, &directory.join("haproxy.pid"), Some(&directory))
                .expect("a shell can be started");
        Self {
            process,
            port,
            socket,
        }
    }
}

fn settings(port: u16, tries: &str, socket: &Path, servers: &[SocketAddr]) -> String {
    let socket = socket.display();
    let mut text = format!("global\n    stats socket {socket}\n{SETTINGS}{tries}{LISTEN}");
    let mut line = |words: String| writeln!(text, "    {words}").expect("memory is enough");
    line(format!("bind 127.0.0.1:{port}"));
    for (index, address) in servers.iter().enumerate() {
        line(format!("server s{index} {address}"));
    }
    text
}

/// Reads the answer to `show stat`: comma-separated values below a line of names. Servers are the
/// rows that have a check.
fn parse(table: &str) -> Vec<Backend> {
    let mut lines = table.trim_start_matches("# ").lines();
    let names: Vec<&str> = lines.next().unwrap_or_default().split(',').collect();
    lines
        .map(|line| names.iter().copied().zip(line.split(',')).collect())
        .filter(|row: &HashMap<&str, &str>| {
            row.get("check_status").is_some_and(|it| !it.is_empty())
        })
        .map(|row| Backend {
            is_up: row
                .get("status")
                .is_some_and(|status| status.starts_with("UP")),
            answers: row
                .get("hrsp_2xx")
                .and_then(|count| count.parse().ok())
                .unwrap_or_default(),
        })
        .collect()
}
