//! The servers of this suite, with the documents in them.

use std::{io, path::PathBuf};

use service::process::BoxError;
use testkit::{Postgres, redis::RedisServer};

use super::{
    baselines::Baselines,
    sample::Sample,
    scenario::{POST, Role, Scenario},
    targets::Targets,
};
use crate::{
    say,
    stand::{Launcher, Node, posts, redis_pid, source::Source},
    suite::Bench,
};

/// The servers, with the posts in them.
#[derive(Debug)]
pub(crate) struct Servers {
    pub(crate) sample: Sample,
    pub(crate) launcher: Launcher,
    baselines: Baselines,
    reader: Node,
    many_reader: Node,
    redis_pid: u32,
    source: Source,
    // Only kept alive, in the order in which they end.
    _writer: Node,
    _redis: [RedisServer; 2],
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
        let sample = Sample::take(&launcher.http, &reader, POST).await?;
        say("filling a Redis with very many posts");
        let many_redis = RedisServer::start().await;
        let source = Source::start(&many_redis.url(), bench.config.documents, None).await?;
        let many_reader = launcher.reader(&pin, &many_redis.url(), &[]).await?;
        Ok(Self {
            baselines: Baselines::start(&launcher, &pin, &sample, &reader, &redis.url()).await?,
            redis_pid: redis_pid(&redis).await?,
            reader,
            many_reader,
            sample,
            source,
            _writer: writer,
            _redis: [redis, many_redis],
            _postgres: postgres,
            launcher,
        })
    }

    pub(crate) fn has_gateway(&self) -> bool {
        self.baselines.node(Role::Haproxy).is_some()
    }

    /// Whether what nobody looks at still does its work.
    ///
    /// # Errors
    /// It does not.
    pub(crate) fn check(&mut self) -> Result<(), BoxError> {
        self.source.check()
    }

    /// The URL of a target.
    ///
    /// # Errors
    /// Nobody takes that role, or speaks HTTP in it.
    pub(crate) fn url(&self, role: Role, target: &str) -> Result<String, BoxError> {
        Ok(self.node(role)?.url(target))
    }

    /// The file of a scenario's targets, where wrk needs one.
    ///
    /// # Errors
    /// It cannot be written.
    pub(crate) fn targets(&self, scenario: &Scenario) -> io::Result<Option<PathBuf>> {
        if scenario.targets == Targets::One && scenario.pipelined == 1 {
            return Ok(None);
        }
        let targets = scenario.targets;
        targets.file(&self.launcher, scenario.target).map(Some)
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
            Role::Reader => Some(&self.reader),
            Role::Many => Some(&self.many_reader),
            role => self.baselines.node(role),
        };
        node.ok_or_else(|| format!("{} takes no requests here", role.name()).into())
    }
}
