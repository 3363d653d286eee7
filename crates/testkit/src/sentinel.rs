//! Redis with replicas, and sentinels that make one of them the master when it dies.

use std::{fs, time::Duration};

use tempfile::TempDir;

use crate::{redis::RedisServer, wait::eventually};

/// What sentinels call the master.
pub const SERVICE: &str = "pressrun";

/// Otherwise a replica that wants everything waits some seconds for others that may want the same.
pub(crate) const AT_ONCE: [&str; 2] = ["--repl-diskless-sync-delay", "0"];

/// How long sentinels try one replica: some of the seconds at which they look at it.
const ATTEMPT: Duration = Duration::from_secs(3);

/// A master, two replicas and three sentinels on loopback, of one test or one test binary. They end
/// with it.
#[derive(Debug)]
pub struct SentinelSet {
    /// The servers; the first begins as the master.
    pub servers: Vec<RedisServer>,
    /// What watches them.
    pub sentinels: Vec<RedisServer>,
    /// Of the sentinels' files, which they write to themselves.
    _directory: TempDir,
}

impl SentinelSet {
    /// Starts all of it and waits until everybody knows everybody. A master that has been silent for
    /// `patience` counts as dead.
    ///
    /// # Panics
    /// Redis is not installed or does not start.
    pub async fn start(patience: Duration) -> Self {
        let master = RedisServer::start_with(&AT_ONCE).await;
        let port = master.port().to_string();
        let mut servers = vec![master];
        for _ in 0..2 {
            servers.push(replica_of(&port).await);
        }
        let directory = TempDir::with_prefix("sentinels-").expect("a temporary directory");
        let mut sentinels = Vec::new();
        for number in 0..3 {
            let file = directory.path().join(format!("{number}.conf"));
            fs::write(&file, settings(&port, patience)).expect("the file can be written");
            let file = file.display().to_string();
            sentinels.push(RedisServer::start_with(&[&file, "--sentinel"]).await);
        }
        let set = Self {
            servers,
            sentinels,
            _directory: directory,
        };
        set.settle().await;
        set
    }

    /// The URL by which the bus finds the master.
    pub fn url(&self) -> String {
        let ports = self.sentinels.iter().map(RedisServer::port);
        let hosts: Vec<String> = ports.map(|port| format!("127.0.0.1:{port}")).collect();
        format!("redis+sentinel://{}/{SERVICE}", hosts.join(","))
    }

    /// The port of the server that every sentinel that answers names as the master.
    ///
    /// # Panics
    /// They do not agree.
    pub async fn named(&self) -> u16 {
        eventually("the sentinels agree on a master", async || {
            let mut named = Vec::new();
            for sentinel in &self.sentinels {
                let words = ["SENTINEL", "get-master-addr-by-name", SERVICE];
                if let Ok((_, port)) = sentinel.try_command::<(String, u16)>(&words).await {
                    named.push(port);
                }
            }
            let first = *named.first()?;
            named.iter().all(|port| *port == first).then_some(first)
        })
        .await
    }

    /// From now on a master that has been silent for `patience` counts as dead. Who begins with much
    /// and has little only while it is needed never sees one replaced that is merely slow.
    ///
    /// # Panics
    /// A sentinel does not answer.
    pub async fn set_patience(&self, patience: Duration) {
        let millis = patience.as_millis().to_string();
        let attempt = ATTEMPT.as_millis().to_string();
        for sentinel in &self.sentinels {
            let set = ["SENTINEL", "SET", SERVICE];
            let settings = ["down-after-milliseconds", &millis];
            let attempts = ["failover-timeout", &attempt];
            let () = sentinel
                .command(&[&set[..], &settings, &attempts].concat())
                .await;
        }
    }

    /// Waits until every sentinel knows of the others and of both replicas.
    async fn settle(&self) {
        for sentinel in &self.sentinels {
            eventually("the sentinel knows everybody", async || {
                let told: String = sentinel.try_command(&["INFO", "sentinel"]).await.ok()?;
                let is_whole = told.contains("status=ok") && told.contains("slaves=2,sentinels=3");
                is_whole.then_some(())
            })
            .await;
        }
    }
}

/// A replica that has all that its master has.
async fn replica_of(port: &str) -> RedisServer {
    let options = [&AT_ONCE[..], &["--replicaof", "127.0.0.1", port]].concat();
    let replica = RedisServer::start_with(&options).await;
    until_linked(&replica).await;
    replica
}

/// Waits until a replica has all that its master has.
pub(crate) async fn until_linked(replica: &RedisServer) {
    eventually("the replica has a link to its master", async || {
        let told: String = replica.try_command(&["INFO", "replication"]).await.ok()?;
        told.contains("master_link_status:up").then_some(())
    })
    .await;
}

fn settings(port: &str, patience: Duration) -> String {
    let millis = patience.as_millis();
    format!(
        "sentinel monitor {SERVICE} 127.0.0.1 {port} 2\n\
         sentinel down-after-milliseconds {SERVICE} {millis}\n\
         sentinel failover-timeout {SERVICE} {millis}\n\
         sentinel parallel-syncs {SERVICE} 2\n"
    )
}
