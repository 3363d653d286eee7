//! Redis as real fleets have it.

use std::time::Duration;

use testkit::{cluster::Cluster, redis::RedisServer, sentinel::SentinelSet};

/// How long a master is silent until it counts as dead.
const PATIENCE: Duration = Duration::from_secs(2);

/// A key of ours.
const KEY: &str = "{pressrun}:meta";

/// What Redis is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Deployment {
    /// One server.
    Single,
    /// A master, two replicas, three sentinels.
    Sentinels,
    /// Three masters, a replica of each.
    Cluster,
}

/// What there is beside the master that holds everything.
#[derive(Debug, Default)]
pub(crate) struct Others {
    /// By which it is found, if not by its address.
    pub(crate) url: Option<String>,
    /// Replicas, and other masters.
    pub(crate) servers: Vec<RedisServer>,
    keeper: Option<Keeper>,
}

/// What decides who the master is, without its servers.
#[derive(Debug)]
enum Keeper {
    Sentinels(SentinelSet),
    /// Its nodes decide; what is left of it keeps their files.
    Cluster {
        _files: Cluster,
    },
}

impl Others {
    /// A master, and what there is beside it; nothing of it for a single server.
    pub(crate) async fn start(deployment: Deployment) -> Option<(RedisServer, Self)> {
        let (url, mut servers, master, keeper) = match deployment {
            Deployment::Single => return None,
            Deployment::Sentinels => {
                let mut set = SentinelSet::start(PATIENCE).await;
                let servers = std::mem::take(&mut set.servers);
                (set.url(), servers, 0, Keeper::Sentinels(set))
            }
            Deployment::Cluster => {
                let mut cluster = Cluster::start(PATIENCE).await;
                let master = cluster.master_of(KEY).await;
                let url = cluster.url();
                let servers = std::mem::take(&mut cluster.nodes);
                (url, servers, master, Keeper::Cluster { _files: cluster })
            }
        };
        let master = servers.remove(master);
        let others = Self {
            url: Some(url),
            servers,
            keeper: Some(keeper),
        };
        Some((master, others))
    }

    /// Which of them have a link to the master at this port.
    pub(crate) async fn replicas_of(&self, port: u16) -> Vec<usize> {
        let mut replicas = Vec::new();
        for (index, server) in self.servers.iter().enumerate() {
            if server.follows().await == Some(port) {
                replicas.push(index);
            }
        }
        replicas
    }

    /// Whether this one, which calls itself the master, is also that for those who decide.
    pub(crate) async fn is_acknowledged(&self, index: usize) -> bool {
        let server = &self.servers[index];
        match &self.keeper {
            Some(Keeper::Sentinels(set)) => set.named().await == server.port(),
            // A node answers for slots that are its own alone.
            Some(Keeper::Cluster { .. }) => {
                server.try_command::<u64>(&["EXISTS", KEY]).await.is_ok()
            }
            None => false,
        }
    }
}
