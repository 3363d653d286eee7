//! A reader as people run it.

use std::{
    ffi::OsString,
    net::SocketAddr,
    path::Path,
    time::{Duration, Instant},
};

use reqwest::Client;
use service::process::BoxError;
use tempfile::TempDir;
use testkit::process::{ServerProcess, free_port};

use crate::processor::used_nanos;

/// How long a reader may take to become ready.
const DEADLINE: Duration = Duration::from_mins(2);

/// A running reader.
pub(super) struct ReaderProcess {
    process: ServerProcess,
    client: Client,
    admin: SocketAddr,
    pub(super) listen: SocketAddr,
    begun: Instant,
    _directory: TempDir,
}

impl ReaderProcess {
    /// Starts the reader of this directory on the Redis at `redis`.
    pub(super) fn start(binaries: &Path, redis: &str) -> Result<Self, BoxError> {
        let directory = TempDir::with_prefix("feed-")?;
        let listen = SocketAddr::from(([127, 0, 0, 1], free_port()?));
        let admin = SocketAddr::from(([127, 0, 0, 1], free_port()?));
        let variables = [
            ("REDIS_URL", redis.to_owned()),
            ("READER_LISTEN", listen.to_string()),
            ("READER_ADMIN_LISTEN", admin.to_string()),
            ("READER_THREADS", "1".to_owned()),
        ];
        let mut command: Vec<OsString> = vec!["env".into()];
        let words = variables.map(|(name, value)| format!("{name}={value}"));
        command.extend(words.map(OsString::from));
        command.push(binaries.join("reader").into());
        let pid_file = directory.path().join("reader.pid");
        let begun = Instant::now();
        let process = ServerProcess::start(&command, &pid_file, None)?;
        Ok(Self {
            process,
            client: Client::new(),
            admin,
            listen,
            begun,
            _directory: directory,
        })
    }

    /// Waits until it is ready; how long after its start that was.
    pub(super) async fn ready(&self) -> Result<Duration, BoxError> {
        let url = format!("http://{}/readyz", self.admin);
        loop {
            let answer = self.client.get(&url).send().await;
            if answer.is_ok_and(|answer| answer.status().is_success()) {
                return Ok(self.begun.elapsed());
            }
            if self.begun.elapsed() > DEADLINE {
                return Err(format!("the reader is not ready: {}", self.process.log()).into());
            }
            tokio::time::sleep(Duration::from_millis(2)).await;
        }
    }

    /// Processor time that it has used since its start, all threads.
    pub(super) fn processor_time(&self) -> Result<Duration, BoxError> {
        let pid = self.process.pid().ok_or("the reader has no pid")?;
        Ok(Duration::from_nanos(used_nanos(pid)?))
    }

    /// The sequence up to which it holds everything, and the gaps it met.
    pub(super) async fn progress(&self) -> Result<(u64, u64), BoxError> {
        let url = format!("http://{}/status", self.admin);
        let text = self.client.get(&url).send().await?.text().await?;
        let status: serde_json::Value = serde_json::from_str(&text)?;
        let sequence = status["sequence"].as_u64().unwrap_or(0);
        let gaps = status["gaps"].as_u64().unwrap_or(0);
        Ok((sequence, gaps))
    }
}
