//! A Redis Cluster.

use std::time::Duration;

use tempfile::TempDir;

use crate::{
    process::free_port,
    redis::RedisServer,
    sentinel::{AT_ONCE, until_linked},
    wait::eventually,
};

/// Masters of a Cluster: the fewest that can agree that one of them is dead.
const MASTERS: usize = 3;

/// The first slot of each master, and one past the last one's last.
const SLOTS: [u16; MASTERS + 1] = [0, 5461, 10_923, 16_384];

/// Three masters, each with a replica, on loopback, of one test or one test binary. They end with
/// it.
#[derive(Debug)]
pub struct Cluster {
    /// The nodes: the masters of the beginning, then a replica of each.
    pub nodes: Vec<RedisServer>,
    /// Of what nodes know of each other, which they keep for when they come back.
    _directory: TempDir,
}

impl Cluster {
    /// Starts all of it and waits until it serves. A node that has been silent for `patience`
    /// counts as dead.
    ///
    /// # Panics
    /// Redis is not installed, is older than 7, or does not start.
    pub async fn start(patience: Duration) -> Self {
        let directory = TempDir::with_prefix("cluster-").expect("a temporary directory");
        let millis = patience.as_millis().to_string();
        let mut nodes = Vec::new();
        let mut ports = Vec::new();
        for number in 0..2 * MASTERS {
            let file = directory.path().join(format!("{number}.conf"));
            let file = file.display().to_string();
            let port = free_port().expect("a port is free").to_string();
            let options = [
                ["--cluster-enabled", "yes"],
                ["--cluster-config-file", &file],
                ["--cluster-node-timeout", &millis],
                ["--cluster-port", &port],
                AT_ONCE,
            ];
            nodes.push(RedisServer::start_with(&options.concat()).await);
            ports.push(port);
        }
        let cluster = Self {
            nodes,
            _directory: directory,
        };
        cluster.meet(&ports).await;
        cluster
    }

    /// The URL by which the bus finds its slot's master; it names the masters of the beginning.
    pub fn url(&self) -> String {
        let ports = self.nodes[..MASTERS].iter().map(RedisServer::port);
        let hosts: Vec<String> = ports.map(|port| format!("127.0.0.1:{port}")).collect();
        format!("redis+cluster://{}", hosts.join(","))
    }

    /// From now on a node that has been silent for `patience` counts as dead, to those nodes that
    /// answer. Who begins with much and has little only while it is needed never sees a master
    /// replaced that is merely slow.
    pub async fn set_patience(&self, patience: Duration) {
        let millis = patience.as_millis().to_string();
        for node in &self.nodes {
            let words = ["CONFIG", "SET", "cluster-node-timeout", &millis];
            let set: redis::RedisResult<()> = node.try_command(&words).await;
            // Dead ones are nobody's judges.
            drop(set);
        }
    }

    /// The node that is the master of a key's slot.
    ///
    /// # Panics
    /// None is, for a minute.
    pub async fn master_of(&self, key: &str) -> usize {
        eventually("a master serves the slot", async || {
            for (index, node) in self.nodes.iter().enumerate() {
                // A replica sends those on who have not said that they read from it.
                if node.try_command::<u64>(&["EXISTS", key]).await.is_ok() {
                    return Some(index);
                }
            }
            None
        })
        .await
    }

    /// The node that is now a replica of that master.
    ///
    /// # Panics
    /// None is, for a minute.
    pub async fn replica_of(&self, master: usize) -> usize {
        let id: String = self.nodes[master].command(&["CLUSTER", "MYID"]).await;
        eventually("the master has a replica", async || {
            for (index, node) in self.nodes.iter().enumerate() {
                let told: Option<String> = node.try_command(&["CLUSTER", "NODES"]).await.ok();
                let told = told.unwrap_or_default();
                let of_itself = told.lines().find(|line| line.contains("myself,slave"));
                if of_itself.is_some_and(|line| line.split(' ').nth(3) == Some(&id)) {
                    return Some(index);
                }
            }
            None
        })
        .await
    }

    /// Makes a Cluster of the nodes, whose own ports these are.
    async fn meet(&self, ports: &[String]) {
        let (masters, replicas) = self.nodes.split_at(MASTERS);
        for (index, node) in self.nodes.iter().enumerate() {
            let epoch = (index + 1).to_string();
            let () = node.command(&["CLUSTER", "SET-CONFIG-EPOCH", &epoch]).await;
        }
        for (node, port) in self.nodes.iter().zip(ports).skip(1) {
            let plain = node.port().to_string();
            let words = ["CLUSTER", "MEET", "127.0.0.1", &plain, port];
            let () = masters[0].command(&words).await;
        }
        for (master, slots) in masters.iter().zip(SLOTS.windows(2)) {
            let (first, last) = (slots[0].to_string(), (slots[1] - 1).to_string());
            let () = master
                .command(&["CLUSTER", "ADDSLOTSRANGE", &first, &last])
                .await;
        }
        for node in &self.nodes {
            self.until_whole(node).await;
        }
        for (master, replica) in masters.iter().zip(replicas) {
            let id: String = master.command(&["CLUSTER", "MYID"]).await;
            let () = replica.command(&["CLUSTER", "REPLICATE", &id]).await;
        }
        for replica in replicas {
            until_linked(replica).await;
        }
        // Until then a master that dies has nobody to take its place.
        for node in &self.nodes {
            eventually("the node knows the replicas", async || {
                let told: String = node.try_command(&["CLUSTER", "NODES"]).await.ok()?;
                (told.matches("slave").count() == replicas.len()).then_some(())
            })
            .await;
        }
    }

    async fn until_whole(&self, node: &RedisServer) {
        let known = format!("cluster_known_nodes:{}\r", self.nodes.len());
        eventually("the node knows the Cluster", async || {
            let told: String = node.try_command(&["CLUSTER", "INFO"]).await.ok()?;
            (told.contains("cluster_state:ok") && told.contains(&known)).then_some(())
        })
        .await;
    }
}
