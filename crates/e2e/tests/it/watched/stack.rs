//! A writer with a file of tokens, another one, and readers; and a load on them.

use std::{collections::BTreeMap, net::SocketAddr, path::PathBuf};

use serde_json::json;
use tokio::task::JoinSet;

use fleet::{Fleet, Node, loopback};
use writer::access::{Scope, Token, TokenHash};

const SECRET: &str = "pressrun_watched";

/// Posts written and read in turn.
const POSTS: u32 = 50;

/// Processes of every kind that exports.
#[derive(Debug)]
pub(super) struct Stack {
    fleet: Fleet,
    /// The first asks for tokens.
    pub(super) writers: Vec<Node>,
    pub(super) readers: Vec<Node>,
}

impl Stack {
    /// Starts all of them and waits until they are ready.
    ///
    /// # Panics
    /// One does not become ready.
    pub(super) async fn start() -> Self {
        let fleet = Fleet::start().await;
        let more = [format!("--writer-tokens-file={}", tokens(&fleet).display())];
        let writers = vec![
            fleet.writer_with("writer-1", &more).await,
            fleet.writer("writer-2").await,
        ];
        let internal = [format!("http://{}", writers[0].admin)];
        let redis = fleet.redis.url();
        let reader = |name| fleet.reader_over(name, &redis, &internal, loopback(), loopback());
        let readers = vec![reader("reader-1"), reader("reader-2")];
        for node in &readers {
            fleet.ready(node).await;
        }
        Self {
            fleet,
            writers,
            readers,
        }
    }

    /// What to scrape, by the names of jobs.
    pub(super) fn targets(&self) -> BTreeMap<&'static str, Vec<SocketAddr>> {
        let admin = |nodes: &[Node]| nodes.iter().map(|node| node.admin).collect();
        BTreeMap::from([
            ("pressrun-writer", admin(&self.writers)),
            ("pressrun-reader", admin(&self.readers)),
        ])
    }

    /// What a process exports now.
    ///
    /// # Panics
    /// It does not answer.
    pub(super) async fn metrics(&self, node: &Node) -> String {
        let url = format!("http://{}/metrics", node.admin);
        let answer = self.fleet.http.get(url).send().await.expect("an answer");
        answer.text().await.expect("text")
    }

    /// Writes through both writers and reads from all readers until dropped.
    pub(super) fn load(&self) -> JoinSet<()> {
        let mut load = JoinSet::new();
        for writer in &self.writers {
            let (http, url) = (
                self.fleet.http.clone(),
                format!("http://{}/create", writer.listen),
            );
            load.spawn(async move {
                for n in (0..POSTS).cycle() {
                    let content = fastrand::u64(..).to_string();
                    let post = json!({"id": n.to_string(), "title": "t", "content": content, "author": "e2e"});
                    let request = http.post(&url).bearer_auth(SECRET).json(&post);
                    drop(request.send().await);
                }
            });
        }
        for reader in &self.readers {
            let (http, url) = (
                self.fleet.http.clone(),
                format!("http://{}/v1/posts", reader.listen),
            );
            load.spawn(async move {
                for n in (0..POSTS).cycle() {
                    drop(http.get(format!("{url}/{n}")).send().await);
                    drop(http.get(format!("{url}/none")).send().await);
                }
            });
        }
        load
    }
}

/// A file that lets [`SECRET`] write.
fn tokens(fleet: &Fleet) -> PathBuf {
    let scope = "*:write".parse::<Scope>().expect("a scope");
    let token = Token::new("load", vec![scope], TokenHash::of(SECRET.as_bytes()));
    let file = fleet.file("tokens");
    std::fs::write(&file, token.expect("a token").to_string()).expect("a file");
    file
}
