//! The servers of this suite.

use std::path::{Path, PathBuf};

use service::process::BoxError;
use testkit::{Postgres, redis::RedisServer};

use super::{family, pgbench};
use crate::{
    stand::{Launcher, Node, redis_pid},
    suite::Bench,
};

/// The servers, on all cores.
#[derive(Debug)]
pub(crate) struct Servers {
    pub(crate) writer: Node,
    pub(crate) redis_pid: u32,
    pub(crate) postgres_pid: u32,
    /// The database of the baselines. Nobody else writes there.
    pub(crate) baseline: String,
    /// The beginning of a command that runs on all cores.
    pub(crate) pin: [String; 3],
    pub(crate) launcher: Launcher,
    // Only kept alive, in the order in which they end.
    _redis: RedisServer,
    _postgres: Postgres,
}

impl Servers {
    pub(crate) async fn start(bench: &Bench<'_>) -> Result<Self, BoxError> {
        let launcher = Launcher::new(bench.binaries())?;
        let pin = on_all_cores(bench);
        let postgres = Postgres::durable().await;
        let postgres_pid = postgres.pid().ok_or("PostgreSQL has not started")?;
        let redis = RedisServer::start().await;
        let redis_pid = redis_pid(&redis).await?;
        for pid in [postgres_pid, redis_pid] {
            family::pin(pid, &pin[2])?;
        }
        let baseline = postgres.create_database().await;
        // For the schema alone. It must not lead there: its sweeps would be measured.
        drop(launcher.writer(&pin, &baseline, &redis.url(), &[]).await?);
        let _flushed: String = redis.command(&["FLUSHALL"]).await;
        let database = postgres.create_database().await;
        let writer = launcher.writer(&pin, &database, &redis.url(), &[]).await?;
        Ok(Self {
            writer,
            redis_pid,
            postgres_pid,
            baseline,
            pin,
            launcher,
            _redis: redis,
            _postgres: postgres,
        })
    }

    /// pgbench's script for transactions of this many rows.
    pub(crate) fn script(&self, rows: u64) -> Result<PathBuf, BoxError> {
        let path = self.launcher.directory().join(format!("batch-{rows}.sql"));
        if !Path::new(&path).is_file() {
            pgbench::script(&path, rows)?;
        }
        Ok(path)
    }
}

/// This process has left the first core, and what it starts inherits that.
fn on_all_cores(bench: &Bench<'_>) -> [String; 3] {
    let [taskset, option, first] = bench.cores.on_server();
    let [_, _, last] = bench.cores.on_client();
    [taskset, option, format!("{first}-{last}")]
}
