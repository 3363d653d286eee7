//! The leader over real databases.

#![expect(
    clippy::unwrap_used,
    reason = "a test fails where its helpers do; Clippy knows only test functions by itself"
)]

use std::{num::NonZeroUsize, sync::Arc};

use bus::{Follower, MemoryBus, Meta, Publisher, RedisBus};
use shared::{Change, Envelope};
use testkit::{Postgres, eventually, redis::RedisServer};
use writer::{
    commit::{Committer, outbox},
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

fn reign(store: &Arc<dyn Store>, bus: &(impl Publisher + Clone + 'static)) -> Reign {
    let (outbox, _nobody) = outbox(1);
    let (committer, commit_loop) = Committer::new(Arc::clone(store), 64, None, outbox);
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
async fn level(store: &Arc<dyn Store>, bus: &impl Publisher) -> Meta {
    eventually("the bus has what the database has", async || {
        let head = tip(&**store).await.position;
        let meta = Publisher::meta(bus).await.ok()??;
        (meta.complete && meta.position() == head).then_some(meta)
    })
    .await
}

async fn held(bus: &impl Follower, id: &str) -> Option<Envelope> {
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

#[tokio::test]
async fn fields_lost_spoilt_and_added_in_redis_are_put_right() {
    let postgres = Postgres::shared().await;
    let url = postgres.create_database().await;
    PostgresStore::migrate(&url).await.unwrap();
    let store: Arc<dyn Store> = Arc::new(connect(&url).await);
    let server = RedisServer::start().await;
    let bus = RedisBus::open(&server.url(), RedisBus::NAMESPACE).unwrap();
    for id in ["lost", "spoilt", "right"] {
        change(&*store, put(id, "[1]")).await;
    }
    let leading = reign(&store, &bus);
    let before = level(&store, &bus).await;
    let expected = [held(&bus, "lost").await, held(&bus, "spoilt").await];
    drop(leading);
    let bucket = format!("{{pressrun}}:snap:{:016x}:0", before.build.0);
    let lost: u64 = server.command(&["HDEL", &bucket, "posts/lost"]).await;
    let spoilt: u64 = server
        .command(&["HSET", &bucket, "posts/spoilt", "x"])
        .await;
    assert_eq!((lost, spoilt), (1, 0), "both were there");

    let leading = reign(&store, &bus);

    eventually("the documents are mended", async || {
        let lost = bus.fetch(&key("lost")).await.ok()?;
        let spoilt = bus.fetch(&key("spoilt")).await.ok()?;
        ([lost, spoilt] == expected).then_some(())
    })
    .await;
    assert_eq!(
        level(&store, &bus).await.build,
        before.build,
        "without a rebuild"
    );
    drop(leading);

    let added: u64 = server.command(&["HSET", &bucket, "posts/added", "y"]).await;
    assert_eq!(added, 1);
    let _leading = reign(&store, &bus);
    eventually("the snapshot is rebuilt", async || {
        let meta = Publisher::meta(&bus).await.ok()??;
        (meta.complete && meta.build != before.build).then_some(())
    })
    .await;
    assert_eq!(held(&bus, "added").await, None);
}
