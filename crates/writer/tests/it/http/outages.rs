//! What clients hear when a write cannot be stored.

use std::{
    convert::Infallible,
    path::Path,
    sync::{Arc, atomic::Ordering},
};

use axum::{Router, body::Body};
use bytes::Bytes;
use futures_util::{StreamExt, stream};
use sqlx::{Connection, Executor, SqliteConnection, sqlite::SqliteConnectOptions};
use tempfile::TempDir;
use testkit::eventually;
use tokio::task::JoinSet;
use writer::{
    access::Access,
    commit::{CONTENTS_BYTES_MAX, CommitLoop, Committer, outbox},
    http::CONTENT_BYTES_MAX,
    store::{
        Store,
        sqlite::{DATABASE_FILE, SqliteStore},
    },
};

use super::site::{Answer, planes, request, send};

/// A public plane whose commit loop the test runs itself.
struct Stalled {
    public: Router,
    committer: Committer,
    commit_loop: CommitLoop,
    directory: TempDir,
}

async fn stalled(queue_max: usize) -> Stalled {
    let directory = tempfile::tempdir().unwrap();
    let store: Arc<dyn Store> = Arc::new(SqliteStore::open(directory.path()).await.unwrap());
    let (outbox, _published) = outbox(1);
    let (committer, commit_loop) = Committer::new(Arc::clone(&store), queue_max, None, outbox);
    let (public, ..) = planes(
        store,
        committer.clone(),
        bus::MemoryBus::new(),
        Access::Open,
    );
    Stalled {
        public,
        committer,
        commit_loop,
        directory,
    }
}

/// A connection of the test's own to the same database.
async fn intruder(directory: &Path) -> SqliteConnection {
    let options = SqliteConnectOptions::new().filename(directory.join(DATABASE_FILE));
    SqliteConnection::connect_with(&options).await.unwrap()
}

async fn put(public: &Router) -> Answer {
    let fields = [("content-type", "application/json")];
    send(public, request("PUT", "/v1/things/a", &fields, "{}")).await
}

#[track_caller]
fn check_unavailable(answer: &Answer, name: &str) {
    answer.check_problem(503, name);
    assert_eq!(answer.field("retry-after"), "1");
}

#[tokio::test]
async fn a_full_queue_is_503() {
    let stalled = stalled(1).await;
    let first = tokio::spawn({
        let public = stalled.public.clone();
        async move { put(&public).await }
    });
    let depth = || async { (stalled.committer.queue_depth() == 1).then_some(()) };
    eventually("the first write to be queued", depth).await;

    check_unavailable(&put(&stalled.public).await, "queue-full");

    let running = tokio::spawn(stalled.commit_loop.run());
    assert_eq!(first.await.unwrap().status(), 201);
    running.abort();
}

#[tokio::test]
async fn contents_that_leave_no_room_are_503_until_some_are_gone() {
    let stalled = stalled(8).await;
    let running = tokio::spawn(stalled.commit_loop.run());
    // All but the last octet of as large a content as there may be, again and again.
    let most = Bytes::from(vec![b' '; CONTENT_BYTES_MAX]);
    let mut slow = JoinSet::new();
    for _ in 0..CONTENTS_BYTES_MAX / CONTENT_BYTES_MAX {
        let begun = stream::iter([Ok::<_, Infallible>(most.clone())]);
        let content = Body::from_stream(begun.chain(stream::pending()));
        let fields = [("content-type", "application/json")];
        let request = request("PUT", "/v1/things/a", &fields, content);
        let public = stalled.public.clone();
        slow.spawn(async move { send(&public, request).await });
    }
    let committer = &stalled.committer;
    let received = async |bytes: usize| {
        eventually("contents to have come, or gone", async || {
            (committer.contents_bytes() == bytes).then_some(())
        })
        .await;
    };
    received(CONTENTS_BYTES_MAX).await;

    check_unavailable(&put(&stalled.public).await, "queue-full");
    let rejected = committer.counters().rejected.load(Ordering::Relaxed);
    assert_eq!(rejected, 1);

    slow.shutdown().await;
    received(0).await;
    assert_eq!(put(&stalled.public).await.status(), 201);
    assert_eq!(committer.contents_bytes(), 0, "it is answered");
    running.abort();
}

#[tokio::test]
async fn a_writer_that_ends_is_503() {
    let stalled = stalled(1).await;
    stalled.committer.shut_down();
    check_unavailable(&put(&stalled.public).await, "not-ready");
}

#[tokio::test]
async fn a_commit_that_nobody_saw_through_is_503_of_its_own_type() {
    let stalled = stalled(1).await;
    let mut intruder = intruder(stalled.directory.path()).await;
    intruder.execute("BEGIN IMMEDIATE").await.unwrap();
    let write = tokio::spawn({
        let public = stalled.public.clone();
        async move { put(&public).await }
    });
    let depth = || async { Some(stalled.committer.queue_depth()) };
    eventually("the write to be queued", || async {
        depth().await.filter(|depth| *depth == 1)
    })
    .await;
    // The batch cannot be committed while the intruder holds the lock.
    let running = tokio::spawn(stalled.commit_loop.run());
    eventually("the batch to be taken", || async {
        depth().await.filter(|depth| *depth == 0)
    })
    .await;

    running.abort();

    check_unavailable(&write.await.unwrap(), "commit-unknown");
}

#[tokio::test]
async fn a_database_that_fails_is_503_for_reads_and_writes() {
    let stalled = stalled(8).await;
    let running = tokio::spawn(stalled.commit_loop.run());
    assert_eq!(put(&stalled.public).await.status(), 201);
    let mut intruder = intruder(stalled.directory.path()).await;
    let rename = "ALTER TABLE feed RENAME TO stolen";
    intruder.execute(rename).await.unwrap();

    let get = request("GET", "/v1/things/a", &[], "");
    check_unavailable(&send(&stalled.public, get).await, "store-unavailable");
    check_unavailable(&put(&stalled.public).await, "store-unavailable");

    let back = "ALTER TABLE stolen RENAME TO feed";
    intruder.execute(back).await.unwrap();
    assert_eq!(put(&stalled.public).await.status(), 200);
    running.abort();
}
