//! A steady load of reads that notes what fails.

use std::{
    sync::{
        Arc,
        atomic::{AtomicBool, AtomicU64, Ordering},
    },
    time::Duration,
};

use testkit::eventually;
use tokio::{task::JoinSet, time::interval};

/// Between two requests of one client.
const PAUSE: Duration = Duration::from_millis(2);

/// Upper bound on one client's requests, whatever becomes of the test.
const REQUESTS_MAX: usize = 50_000;

/// Clients that read one URL, each over a connection of its own, until told to stop.
pub(super) struct Load {
    answered: Arc<AtomicU64>,
    is_over: Arc<AtomicBool>,
    clients: JoinSet<Vec<String>>,
}

impl Load {
    pub(super) fn start(url: &str, clients: usize) -> Self {
        let mut load = Self {
            answered: Arc::default(),
            is_over: Arc::default(),
            clients: JoinSet::new(),
        };
        for _ in 0..clients {
            let answered = Arc::clone(&load.answered);
            let is_over = Arc::clone(&load.is_over);
            load.clients.spawn(read(url.to_owned(), answered, is_over));
        }
        load
    }

    /// Waits for so many more answers of any kind.
    pub(super) async fn answered_more(&self, count: u64) {
        let goal = self.answered.load(Ordering::Relaxed) + count;
        eventually("requests are answered", async || {
            (self.answered.load(Ordering::Relaxed) >= goal).then_some(())
        })
        .await;
    }

    /// How many were answered, and what was wrong with those that failed.
    pub(super) async fn stop(self) -> (u64, Vec<String>) {
        self.is_over.store(true, Ordering::Relaxed);
        let failures = self.clients.join_all().await.concat();
        (self.answered.load(Ordering::Relaxed), failures)
    }
}

async fn read(url: String, answered: Arc<AtomicU64>, is_over: Arc<AtomicBool>) -> Vec<String> {
    let http = reqwest::Client::new();
    let mut pace = interval(PAUSE);
    let mut failures = Vec::new();
    for _ in 0..REQUESTS_MAX {
        if is_over.load(Ordering::Relaxed) {
            break;
        }
        pace.tick().await;
        if let Err(failure) = read_once(&http, &url).await {
            failures.push(failure);
        }
        answered.fetch_add(1, Ordering::Relaxed);
    }
    failures
}

async fn read_once(http: &reqwest::Client, url: &str) -> Result<(), String> {
    let answer = http.get(url).send().await;
    let answer = answer.map_err(|error| format!("{error:?}"))?;
    let status = answer.status();
    let body = answer.text().await.map_err(|error| format!("{error:?}"))?;
    if status == 200 && body.contains("\"hello\"") {
        Ok(())
    } else {
        Err(format!("{status}: {body}"))
    }
}
