//! The leader and the live publisher, over SQLite and the in-process bus.

#![expect(
    clippy::unwrap_used,
    reason = "a test fails where its helpers do; Clippy knows only test functions by itself"
)]

mod audit;
mod histories;
mod losses;
mod publishing;
mod rebuild;

use std::{
    path::Path,
    sync::{
        Arc,
        atomic::{AtomicU64, Ordering},
    },
};

use bus::{FeedEvent, Follower, MemoryBus, Meta, Publisher, Subscription};
use shared::{Change, Envelope, FeedMessage, Position};
use tempfile::TempDir;
use testkit::eventually;
use writer::{
    engine::Engine,
    leader::{LeaderCounters, audit::Audit},
    render::Codings,
    store::{Action, Committed, Mutation, Store, sqlite::SqliteStore},
};

use crate::store::fixture::{key, tip};

/// More than any of these tests writes.
const CHANGES_KEPT: u64 = 100_000;

/// A writer without its HTTP planes, which leads.
struct Desk {
    engine: Engine,
    store: Arc<dyn Store>,
    bus: MemoryBus,
    directory: TempDir,
}

impl Desk {
    /// Over an empty database and an empty bus, which it has filled.
    async fn settled() -> Self {
        let directory = tempfile::tempdir().unwrap();
        let store = open(directory.path()).await;
        let desk = Self::start(directory, store, MemoryBus::new()).await;
        desk.until_settled().await;
        desk
    }

    async fn start(directory: TempDir, store: Arc<dyn Store>, bus: MemoryBus) -> Self {
        Self::start_with(None, directory, store, bus).await
    }

    async fn start_with(
        audit: Option<Audit>,
        directory: TempDir,
        store: Arc<dyn Store>,
        bus: MemoryBus,
    ) -> Self {
        let publisher: Arc<dyn Publisher> = Arc::new(bus.clone());
        Self {
            engine: Engine::start(
                Codings::ALL,
                CHANGES_KEPT,
                audit,
                Arc::clone(&store),
                publisher,
            )
            .await,
            store,
            bus,
            directory,
        }
    }

    /// Writes as a client does, and gives the change that it made.
    async fn write(&self, mutation: Mutation) -> Committed {
        let parts = self.engine.parts();
        let representations = match &mutation.action {
            Action::Put { body, .. } => parts.renderer.render(body.clone()).await,
            Action::Delete => Vec::new(),
        };
        let outcome = parts.committer.write(mutation, representations).await;
        *outcome.unwrap().committed().expect("a change was made")
    }

    fn leader(&self) -> &LeaderCounters {
        &self.engine.parts().leader
    }

    /// Waits until the bus holds everything, and gives its meta.
    async fn until_settled(&self) -> Meta {
        eventually("the bus holds what the database does", async || {
            let tip = tip(&*self.store).await;
            let meta = self.bus.meta().await.ok()??;
            let settled = meta.complete && meta.position() == tip.position && meta.tip == tip.link;
            settled.then_some(meta)
        })
        .await
    }

    async fn meta(&self) -> Meta {
        self.bus.meta().await.unwrap().expect("the bus has meta")
    }

    async fn head(&self) -> Position {
        tip(&*self.store).await.position
    }

    /// What the bus holds of `posts/<id>`.
    async fn envelope(&self, id: &str) -> Option<Envelope> {
        self.bus.fetch(&key(id)).await.unwrap()
    }

    /// The body that the bus holds of `posts/<id>`; `None` where it is deleted or unknown.
    async fn body(&self, id: &str) -> Option<String> {
        match self.envelope(id).await?.change {
            Change::Put(representations) => {
                Some(String::from_utf8(representations[0].octets.to_vec()).unwrap())
            }
            Change::Delete => None,
        }
    }

    /// Ends the tasks and gives the store back to be opened again elsewhere.
    async fn finish(self) -> (MemoryBus, TempDir) {
        self.engine.finish().await.unwrap();
        (self.bus, self.directory)
    }
}

async fn open(directory: &Path) -> Arc<dyn Store> {
    Arc::new(SqliteStore::open(directory).await.unwrap())
}

fn count(counter: &AtomicU64) -> u64 {
    counter.load(Ordering::Relaxed)
}

async fn until_counted(what: &str, counter: &AtomicU64, least: u64) {
    eventually(what, async || (count(counter) >= least).then_some(())).await;
}

/// The next message that `wanted` picks; others are passed over.
async fn next<T>(feed: &mut Subscription, wanted: impl Fn(FeedMessage) -> Option<T>) -> T {
    let search = async {
        loop {
            match feed.next().await {
                Some(FeedEvent::Message(message)) => {
                    if let Some(found) = wanted(message) {
                        return found;
                    }
                }
                other => panic!("the feed ended: {other:?}"),
            }
        }
    };
    let found = tokio::time::timeout(testkit::wait::DEADLINE, search).await;
    found.expect("the message comes")
}
