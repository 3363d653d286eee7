//! The stand: every server of a run, private and on loopback. They end with it.

mod posts;
mod settings;

use std::{
    fs,
    net::SocketAddr,
    path::{Path, PathBuf},
};

use reqwest::header::{ETAG, HeaderMap};
use service::process::BoxError;
use tempfile::TempDir;
use testkit::{
    Postgres, eventually,
    process::{ServerProcess, free_port},
    redis::RedisServer,
};

use crate::{
    processor::Cores,
    scenario::{POST, Role},
};

/// One answer to the request that most scenarios make.
#[derive(Debug)]
pub(crate) struct Sample {
    /// The value of ETag.
    pub(crate) tag: String,
    headers: HeaderMap,
    content: String,
}

/// The servers, with the posts in them.
#[derive(Debug)]
pub(crate) struct Stand {
    pub(crate) http: reqwest::Client,
    pub(crate) sample: Sample,
    nginx: Node,
    reader: Node,
    haproxy: Option<Node>,
    redis_pid: u32,
    // Only kept alive, in the order in which they end.
    _writer: Node,
    _redis: RedisServer,
    _postgres: Postgres,
    _directory: TempDir,
}

#[derive(Debug)]
struct Node {
    process: ServerProcess,
    address: SocketAddr,
}

impl Stand {
    /// Starts everything and fills it. Only what is asked runs on the servers' core.
    ///
    /// # Errors
    /// A program is missing or does not start.
    pub(crate) async fn start(cores: &Cores, binaries: &Path) -> Result<Self, BoxError> {
        let directory = TempDir::with_prefix("loadtest-")?;
        let http = reqwest::Client::new();
        let postgres = Postgres::dedicated().await;
        let redis = RedisServer::start().await;
        let launcher = Launcher {
            directory: directory.path(),
            binaries,
            pin: cores.on_server(),
            http: &http,
        };
        let writer = launcher
            .writer(&postgres.create_database().await, &redis.url())
            .await?;
        let reader = launcher.reader(&redis.url()).await?;
        posts::write(&http, writer.address, reader.address).await?;
        let sample = Sample::take(&http, &reader.url(POST)).await?;
        Ok(Self {
            nginx: launcher.nginx(&sample).await?,
            haproxy: launcher.haproxy(reader.address).await?,
            redis_pid: redis_pid(&redis).await?,
            reader,
            sample,
            _writer: writer,
            _redis: redis,
            _postgres: postgres,
            http,
            _directory: directory,
        })
    }

    pub(crate) fn has_gateway(&self) -> bool {
        self.haproxy.is_some()
    }

    /// The URL of a target.
    ///
    /// # Errors
    /// Nobody takes that role, or speaks HTTP in it.
    pub(crate) fn url(&self, role: Role, target: &str) -> Result<String, BoxError> {
        Ok(self.node(role)?.url(target))
    }

    /// The process whose time a role costs.
    ///
    /// # Errors
    /// There is none.
    pub(crate) fn pid(&self, role: Role) -> Result<u32, BoxError> {
        if role == Role::Redis {
            return Ok(self.redis_pid);
        }
        let pid = self.node(role)?.process.pid();
        pid.ok_or_else(|| format!("{} has not started", role.name()).into())
    }

    fn node(&self, role: Role) -> Result<&Node, BoxError> {
        let node = match role {
            Role::Nginx => Some(&self.nginx),
            Role::Reader => Some(&self.reader),
            Role::Haproxy => self.haproxy.as_ref(),
            Role::Redis => None,
        };
        node.ok_or_else(|| format!("{} takes no requests here", role.name()).into())
    }
}

impl Node {
    fn url(&self, target: &str) -> String {
        format!("http://{}{target}", self.address)
    }
}

impl Sample {
    async fn take(http: &reqwest::Client, url: &str) -> Result<Self, BoxError> {
        let answer = http.get(url).send().await?.error_for_status()?;
        let headers = answer.headers().clone();
        let tag = headers.get(ETAG).ok_or("the reader sent no ETag")?;
        Ok(Self {
            tag: tag.to_str()?.to_owned(),
            headers,
            content: answer.text().await?,
        })
    }

    /// How many octets the content has.
    pub(crate) fn content_bytes(&self) -> usize {
        self.content.len()
    }
}

struct Launcher<'a> {
    directory: &'a Path,
    /// Where writer and reader are.
    binaries: &'a Path,
    /// The beginning of the commands of those that are measured.
    pin: [String; 3],
    http: &'a reqwest::Client,
}

impl Launcher<'_> {
    async fn writer(&self, database: &str, redis: &str) -> Result<Node, BoxError> {
        let (listen, admin) = (loopback()?, loopback()?);
        let command = vec![
            self.binary("writer")?,
            format!("--database-url={database}"),
            format!("--redis-url={redis}"),
            format!("--writer-listen={listen}"),
            format!("--writer-admin-listen={admin}"),
            "--writer-migrate".to_owned(),
            "--drain-delay=0".to_owned(),
        ];
        let node = self.launch("writer", &command, listen)?;
        self.answers(&format!("http://{admin}/readyz")).await;
        Ok(node)
    }

    async fn reader(&self, redis: &str) -> Result<Node, BoxError> {
        let (listen, admin) = (loopback()?, loopback()?);
        let mut command = self.pin.to_vec();
        command.extend([
            self.binary("reader")?,
            format!("--redis-url={redis}"),
            format!("--reader-listen={listen}"),
            format!("--reader-admin-listen={admin}"),
            "--reader-threads=1".to_owned(),
            "--yardsticks".to_owned(),
            "--drain-delay=0".to_owned(),
        ]);
        let node = self.launch("reader", &command, listen)?;
        self.answers(&node.url("/health")).await;
        Ok(node)
    }

    async fn nginx(&self, sample: &Sample) -> Result<Node, BoxError> {
        let nginx = find("nginx").ok_or("nginx is not installed: scripts/install-load-tools")?;
        let listen = loopback()?;
        let settings = settings::nginx(listen, self.directory, &sample.headers, &sample.content);
        let file = self.directory.join("nginx.conf");
        fs::write(&file, settings)?;
        let mut command = self.pin.to_vec();
        command.extend([nginx, "-c".to_owned(), file.display().to_string()]);
        // Where it would write before it has read that file.
        command.extend(["-e".to_owned(), "stderr".to_owned()]);
        let node = self.launch("nginx", &command, listen)?;
        self.answers(&node.url("/")).await;
        Ok(node)
    }

    async fn haproxy(&self, reader: SocketAddr) -> Result<Option<Node>, BoxError> {
        let Some(haproxy) = find("haproxy") else {
            return Ok(None);
        };
        let listen = loopback()?;
        let file = self.directory.join("haproxy.cfg");
        fs::write(&file, settings::haproxy(listen, reader))?;
        let mut command = self.pin.to_vec();
        command.extend([haproxy, "-f".to_owned(), file.display().to_string()]);
        let node = self.launch("haproxy", &command, listen)?;
        self.answers(&node.url(POST)).await;
        Ok(Some(node))
    }

    fn launch(
        &self,
        name: &str,
        command: &[String],
        address: SocketAddr,
    ) -> Result<Node, BoxError> {
        let command: Vec<_> = command.iter().map(Into::into).collect();
        let pid_file = self.directory.join(format!("{name}.pid"));
        let process = ServerProcess::start(&command, &pid_file, None)?;
        Ok(Node { process, address })
    }

    /// A binary of this workspace.
    fn binary(&self, name: &str) -> Result<String, BoxError> {
        let path = self.binaries.join(name);
        if path.is_file() {
            Ok(path.display().to_string())
        } else {
            Err(format!("{} is not built; start loadtest/run", path.display()).into())
        }
    }

    /// Waits until a URL answers 200.
    async fn answers(&self, url: &str) {
        eventually(url, async || {
            let answer = self.http.get(url).send().await.ok()?;
            answer.status().is_success().then_some(())
        })
        .await;
    }
}

async fn redis_pid(redis: &RedisServer) -> Result<u32, BoxError> {
    let info: String = redis.command(&["INFO", "server"]).await;
    let pid = info
        .lines()
        .find_map(|line| line.trim().strip_prefix("process_id:"));
    Ok(pid.ok_or("Redis does not tell its process id")?.parse()?)
}

fn loopback() -> Result<SocketAddr, BoxError> {
    Ok(SocketAddr::from(([127, 0, 0, 1], free_port()?)))
}

/// A program's path. Debian keeps servers out of some users' `PATH`.
fn find(name: &str) -> Option<String> {
    let path = std::env::var_os("PATH").unwrap_or_default();
    std::env::split_paths(&path)
        .chain([PathBuf::from("/usr/sbin")])
        .map(|directory| directory.join(name))
        .find(|candidate| candidate.is_file())
        .map(|found| found.display().to_string())
}
