//! Servers of a run: each a process of its own, private and on loopback. They end with their
//! [`Node`].

pub(crate) mod posts;
pub(crate) mod source;

use std::{
    net::SocketAddr,
    path::{Path, PathBuf},
};

use service::process::BoxError;
use tempfile::TempDir;
use testkit::{
    eventually,
    process::{ServerProcess, free_port},
    redis::RedisServer,
};

/// A running server.
#[derive(Debug)]
pub(crate) struct Node {
    process: ServerProcess,
    /// Where it takes requests.
    pub(crate) address: SocketAddr,
    /// The admin plane of a writer or reader.
    admin: Option<SocketAddr>,
}

impl Node {
    /// The URL of a target: path and query.
    pub(crate) fn url(&self, target: &str) -> String {
        format!("http://{}{target}", self.address)
    }

    /// The URL of a target of the admin plane.
    ///
    /// # Errors
    /// It has none.
    pub(crate) fn admin_url(&self, target: &str) -> Result<String, BoxError> {
        let admin = self.admin.ok_or("this server has no admin plane")?;
        Ok(format!("http://{admin}{target}"))
    }

    /// # Errors
    /// It has not started.
    pub(crate) fn pid(&self) -> Result<u32, BoxError> {
        let pid = self.process.pid();
        pid.ok_or_else(|| "a server has not started".into())
    }
}

/// Starts servers.
#[derive(Debug)]
pub(crate) struct Launcher {
    /// Where files of a run are; removed with this.
    directory: TempDir,
    /// Where writer and reader are.
    binaries: PathBuf,
    pub(crate) http: reqwest::Client,
}

impl Launcher {
    /// # Errors
    /// No temporary directory can be made.
    pub(crate) fn new(binaries: &Path) -> Result<Self, BoxError> {
        Ok(Self {
            directory: TempDir::with_prefix("loadtest-")?,
            binaries: binaries.to_owned(),
            http: reqwest::Client::new(),
        })
    }

    pub(crate) fn directory(&self) -> &Path {
        self.directory.path()
    }

    /// Starts a writer and waits until it is ready. `pin` begins the command (`taskset -c 1`, or
    /// nothing), `options` end it.
    ///
    /// # Errors
    /// It is not built.
    pub(crate) async fn writer(
        &self,
        pin: &[String],
        database: &str,
        redis: &str,
        options: &[&str],
    ) -> Result<Node, BoxError> {
        let (listen, admin) = (loopback()?, loopback()?);
        let mut command = pin.to_vec();
        command.extend([
            self.binary("writer")?,
            format!("--database-url={database}"),
            format!("--redis-url={redis}"),
            format!("--writer-listen={listen}"),
            format!("--writer-admin-listen={admin}"),
            "--writer-migrate".to_owned(),
            "--drain-delay=0".to_owned(),
        ]);
        command.extend(options.iter().map(|&option| option.to_owned()));
        let node = self.launch(&command, listen, Some(admin))?;
        self.answers(&node.admin_url("/readyz")?).await;
        Ok(node)
    }

    /// Starts a reader and waits until it serves. `pin` and `options` as those of a writer.
    ///
    /// # Errors
    /// It is not built.
    pub(crate) async fn reader(
        &self,
        pin: &[String],
        redis: &str,
        options: &[&str],
    ) -> Result<Node, BoxError> {
        let node = self.reader_started(pin, redis, options)?;
        self.answers(&node.url("/health")).await;
        Ok(node)
    }

    /// As [`Self::reader`], but waits for nothing.
    ///
    /// # Errors
    /// It is not built.
    pub(crate) fn reader_started(
        &self,
        pin: &[String],
        redis: &str,
        options: &[&str],
    ) -> Result<Node, BoxError> {
        let (listen, admin) = (loopback()?, loopback()?);
        let mut command = pin.to_vec();
        command.extend([
            self.binary("reader")?,
            format!("--redis-url={redis}"),
            format!("--reader-listen={listen}"),
            format!("--reader-admin-listen={admin}"),
            "--reader-threads=1".to_owned(),
            "--drain-delay=0".to_owned(),
        ]);
        command.extend(options.iter().map(|&option| option.to_owned()));
        self.launch(&command, listen, Some(admin))
    }

    /// Starts any server and waits for nothing.
    ///
    /// # Errors
    /// A shell cannot be started.
    pub(crate) fn launch(
        &self,
        command: &[String],
        address: SocketAddr,
        admin: Option<SocketAddr>,
    ) -> Result<Node, BoxError> {
        let command: Vec<_> = command.iter().map(Into::into).collect();
        let pid_file = self
            .directory
            .path()
            .join(format!("{}.pid", address.port()));
        let process = ServerProcess::start(&command, &pid_file, None)?;
        Ok(Node {
            process,
            address,
            admin,
        })
    }

    /// A binary of this workspace.
    ///
    /// # Errors
    /// It is not built.
    pub(crate) fn binary(&self, name: &str) -> Result<String, BoxError> {
        let path = self.binaries.join(name);
        if path.is_file() {
            Ok(path.display().to_string())
        } else {
            Err(format!("{} is not built; start loadtest/run", path.display()).into())
        }
    }

    /// Waits until a URL answers 200.
    pub(crate) async fn answers(&self, url: &str) {
        eventually(url, async || {
            let answer = self.http.get(url).send().await.ok()?;
            answer.status().is_success().then_some(())
        })
        .await;
    }
}

/// # Errors
/// Redis does not tell.
pub(crate) async fn redis_pid(redis: &RedisServer) -> Result<u32, BoxError> {
    let info: String = redis.command(&["INFO", "server"]).await;
    let pid = info
        .lines()
        .find_map(|line| line.trim().strip_prefix("process_id:"));
    Ok(pid.ok_or("Redis does not tell its process id")?.parse()?)
}

/// An address of loopback that was free a moment ago.
///
/// # Errors
/// No port is free.
pub(crate) fn loopback() -> Result<SocketAddr, BoxError> {
    Ok(SocketAddr::from(([127, 0, 0, 1], free_port()?)))
}

/// A program's path. Debian keeps servers out of some users' `PATH`.
pub(crate) fn find(name: &str) -> Option<String> {
    let path = std::env::var_os("PATH").unwrap_or_default();
    std::env::split_paths(&path)
        .chain([PathBuf::from("/usr/sbin")])
        .map(|directory| directory.join(name))
        .find(|candidate| candidate.is_file())
        .map(|found| found.display().to_string())
}
