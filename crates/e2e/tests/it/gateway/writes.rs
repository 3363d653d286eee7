//! A steady load of writes that notes what was acknowledged, and what was not.

use std::{
    collections::BTreeSet,
    sync::{
        Arc,
        atomic::{AtomicBool, AtomicU64, Ordering},
    },
};

use serde_json::json;
use testkit::eventually;
use tokio::task::JoinSet;

/// Upper bound on one client's requests, whatever becomes of the test.
const REQUESTS_MAX: usize = 20_000;

/// Clients that create posts, one after the other, each over connections of its own.
pub(super) struct Writes {
    answered: Arc<AtomicU64>,
    is_over: Arc<AtomicBool>,
    clients: JoinSet<Written>,
}

/// What clients were told.
#[derive(Debug, Default)]
pub(super) struct Written {
    /// The ids of posts that a 201 was told for.
    pub(super) acknowledged: BTreeSet<String>,
    /// What else was told.
    pub(super) failures: Vec<String>,
}

impl Writes {
    pub(super) fn start(url: &str, clients: usize) -> Self {
        let mut writes = Self {
            answered: Arc::default(),
            is_over: Arc::default(),
            clients: JoinSet::new(),
        };
        for client in 0..clients {
            let (answered, is_over) = (Arc::clone(&writes.answered), Arc::clone(&writes.is_over));
            let url = format!("{url}/create");
            writes.clients.spawn(write(url, client, answered, is_over));
        }
        writes
    }

    /// Waits for so many more answers of any kind.
    pub(super) async fn answered_more(&self, count: u64) {
        let goal = self.answered.load(Ordering::Relaxed) + count;
        eventually("writes are answered", async || {
            (self.answered.load(Ordering::Relaxed) >= goal).then_some(())
        })
        .await;
    }

    /// Ends every client after the request that it is at.
    pub(super) async fn stop(self) -> Written {
        self.is_over.store(true, Ordering::Relaxed);
        let mut all = Written::default();
        for one in self.clients.join_all().await {
            all.acknowledged.extend(one.acknowledged);
            all.failures.extend(one.failures);
        }
        all
    }
}

async fn write(
    url: String,
    client: usize,
    answered: Arc<AtomicU64>,
    is_over: Arc<AtomicBool>,
) -> Written {
    let http = reqwest::Client::new();
    let mut written = Written::default();
    for number in 0..REQUESTS_MAX {
        if is_over.load(Ordering::Relaxed) {
            break;
        }
        let id = format!("client-{client}-{number}");
        let post = json!({"id": id, "title": "t", "content": "c", "author": "a"});
        match http.post(&url).json(&post).send().await {
            Ok(answer) if answer.status() == 201 => {
                written.acknowledged.insert(id);
            }
            Ok(answer) => written.failures.push(format!("{id}: {}", answer.status())),
            Err(error) => written.failures.push(format!("{id}: {error:?}")),
        }
        answered.fetch_add(1, Ordering::Relaxed);
    }
    written
}
