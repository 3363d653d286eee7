//! The leader over real databases.

#![expect(
    clippy::unwrap_used,
    reason = "a test fails where its helpers do; Clippy knows only test functions by itself"
)]

use std::{num::NonZeroUsize, sync::Arc};

use bus::{Follower, MemoryBus, Meta, Publisher};
use shared::{Change, Envelope};
use testkit::{Postgres, eventually};
use tokio::sync::mpsc;
use writer::{
    commit::Committer,
    leader::{CHANGES_KEPT, Leader, LeaderCounters},
    render::{Codings, Renderer},
    store::{Store, postgres::PostgresStore},
};

use crate::store::fixture::{change, connect, key, put, tip};

/// A leader that runs until this is dropped.
struct Reign(tokio::task::JoinHandle<()>);

impl Drop for Reign {
    fn drop(&mut self) {
        self.0.abort();
    }
}

fn reign(store: &Arc<dyn Store>, bus: &MemoryBus) -> Reign {
    let (sink, _nobody) = mpsc::channel(1);
    let (committer, commit_loop) = Committer::new(Arc::clone(store), 64, None, sink);
    let leader = Leader {
        store: Arc::clone(store),
        bus: Arc::new(bus.clone()),
        renderer: Renderer::new(Codings::ALL, NonZeroUsize::MIN),
        committer,
        changes_kept: CHANGES_KEPT,
        counters: Arc::new(LeaderCounters::default()),
    };
    Reign(tokio::spawn(async {
        tokio::join!(commit_loop.run(), async { leader.run().await });
    }))
}

/// Meta, once the bus is complete and has everything that the database has.
async fn level(store: &Arc<dyn Store>, bus: &MemoryBus) -> Meta {
    eventually("the bus has what the database has", async || {
        let head = tip(&**store).await.position;
        let meta = Publisher::meta(bus).await.ok()??;
        (meta.complete && meta.position() == head).then_some(meta)
    })
    .await
}

async fn held(bus: &MemoryBus, id: &str) -> Option<Envelope> {
    bus.fetch(&key(id)).await.unwrap()
}

fn body(envelope: &Envelope) -> &[u8] {
    match &envelope.change {
        Change::Put(representations) => &representations[0].octets,
        Change::Delete => panic!("a tombstone: {envelope:?}"),
    }
}

#[tokio::test]
async fn restored_database_takes_the_bus_back_to_its_history_in_a_new_epoch() {
    let server = Postgres::shared().await;
    let url = server.create_database().await;
    PostgresStore::migrate(&url).await.unwrap();
    let original: Arc<dyn Store> = Arc::new(connect(&url).await);
    let bus = MemoryBus::new();
    change(&*original, put("a", "[1]")).await;
    let backup = server.copy_database(&url).await;
    let leading = reign(&original, &bus);
    change(&*original, put("a", "[2]")).await;
    change(&*original, put("lost", "[3]")).await;
    let before = level(&original, &bus).await;
    assert_eq!(body(&held(&bus, "a").await.unwrap()), b"[2]");
    drop(leading);

    let restored: Arc<dyn Store> = Arc::new(connect(&backup).await);
    let _leading = reign(&restored, &bus);

    let after = eventually("a new epoch", async || {
        let meta = Publisher::meta(&bus).await.ok()??;
        (meta.epoch > before.epoch && meta.complete).then_some(meta)
    })
    .await;
    assert!(after.published_through < before.published_through);
    assert_eq!(body(&held(&bus, "a").await.unwrap()), b"[1]");
    assert_eq!(held(&bus, "lost").await, None);
    change(&*restored, put("a", "[4]")).await;
    let settled = level(&restored, &bus).await;
    assert_eq!(settled.epoch, after.epoch);
    assert_eq!(body(&held(&bus, "a").await.unwrap()), b"[4]");
}
