//! The servers of this suite, with the documents in them.

use std::{fs, net::SocketAddr};

use reqwest::header::{ETAG, HeaderMap};
use service::process::BoxError;
use testkit::{Postgres, redis::RedisServer};

use super::{
    posts,
    scenario::{POST, Role},
    settings,
};
use crate::{
    stand::{Launcher, Node, find, loopback, redis_pid},
    suite::Bench,
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
pub(crate) struct Servers {
    pub(crate) sample: Sample,
    pub(crate) launcher: Launcher,
    nginx: Node,
    reader: Node,
    haproxy: Option<Node>,
    redis_pid: u32,
    // Only kept alive, in the order in which they end.
    _writer: Node,
    _redis: RedisServer,
    _postgres: Postgres,
}

impl Servers {
    /// Starts everything and fills it. Only what is asked runs on the servers' core.
    ///
    /// # Errors
    /// A program is missing or does not start.
    pub(crate) async fn start(bench: &Bench<'_>) -> Result<Self, BoxError> {
        let launcher = Launcher::new(bench.binaries())?;
        let pin = bench.cores.on_server();
        let postgres = Postgres::dedicated().await;
        let redis = RedisServer::start().await;
        let database = postgres.create_database().await;
        let writer = launcher.writer(&[], &database, &redis.url(), &[]).await?;
        let reader = launcher
            .reader(&pin, &redis.url(), &["--yardsticks"])
            .await?;
        posts::write(&launcher.http, writer.address, reader.address).await?;
        let sample = Sample::take(&launcher.http, &reader.url(POST)).await?;
        Ok(Self {
            nginx: nginx(&launcher, &pin, &sample).await?,
            haproxy: haproxy(&launcher, &pin, reader.address).await?,
            redis_pid: redis_pid(&redis).await?,
            reader,
            sample,
            _writer: writer,
            _redis: redis,
            _postgres: postgres,
            launcher,
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
        self.node(role)?.pid()
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

async fn nginx(launcher: &Launcher, pin: &[String], sample: &Sample) -> Result<Node, BoxError> {
    let nginx = find("nginx").ok_or("nginx is not installed: scripts/install-load-tools")?;
    let listen = loopback()?;
    let directory = launcher.directory();
    let settings = settings::nginx(listen, directory, &sample.headers, &sample.content);
    let file = directory.join("nginx.conf");
    fs::write(&file, settings)?;
    let mut command = pin.to_vec();
    command.extend([nginx, "-c".to_owned(), file.display().to_string()]);
    // Where it would write before it has read that file.
    command.extend(["-e".to_owned(), "stderr".to_owned()]);
    let node = launcher.launch(&command, listen, None)?;
    launcher.answers(&node.url("/")).await;
    Ok(node)
}

async fn haproxy(
    launcher: &Launcher,
    pin: &[String],
    reader: SocketAddr,
) -> Result<Option<Node>, BoxError> {
    let Some(haproxy) = find("haproxy") else {
        return Ok(None);
    };
    let listen = loopback()?;
    let file = launcher.directory().join("haproxy.cfg");
    fs::write(&file, settings::haproxy(listen, reader))?;
    let mut command = pin.to_vec();
    command.extend([haproxy, "-f".to_owned(), file.display().to_string()]);
    let node = launcher.launch(&command, listen, None)?;
    launcher.answers(&node.url(POST)).await;
    Ok(Some(node))
}
