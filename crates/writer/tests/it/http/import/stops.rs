//! What ends an import early, and how its client learns where to go on.

use std::{sync::Arc, time::Duration};

use axum::body::Body;
use bytes::Bytes;
use futures_util::stream;
use sqlx::{Connection, Executor, SqliteConnection, sqlite::SqliteConnectOptions};
use tempfile::TempDir;
use testkit::eventually;
use tokio::sync::mpsc;
use writer::{
    access::Access,
    commit::{CommitLoop, Committed, Committer, outbox},
    http::IMPORTS_MAX,
    store::{
        Mutation, Precondition, Store,
        sqlite::{DATABASE_FILE, SqliteStore},
    },
};

use super::{check_totals, import, site};
use crate::http::site::{planes, request, send};

const PATH: &str = "/v1/things/import";

type Chunk = Result<Bytes, std::io::Error>;

/// A writer whose commit loop the test runs itself.
struct Stalled {
    public: axum::Router,
    store: Arc<dyn Store>,
    committer: Committer,
    commit_loop: CommitLoop,
    _published: Committed,
    directory: TempDir,
}

async fn stalled(queue_max: usize) -> Stalled {
    let directory = tempfile::tempdir().unwrap();
    let store: Arc<dyn Store> = Arc::new(SqliteStore::open(directory.path()).await.unwrap());
    let (outbox, published) = outbox(64);
    let (committer, commit_loop) = Committer::new(Arc::clone(&store), queue_max, None, outbox);
    let (public, ..) = planes(
        Arc::clone(&store),
        committer.clone(),
        bus::MemoryBus::new(),
        Access::Open,
    );
    Stalled {
        public,
        store,
        committer,
        commit_loop,
        _published: published,
        directory,
    }
}

/// Content that the test sends as it goes.
fn content() -> (mpsc::Sender<Chunk>, Body) {
    let (sender, receiver) = mpsc::channel(1);
    let chunks = stream::unfold(receiver, async |mut receiver| {
        receiver.recv().await.map(|chunk: Chunk| (chunk, receiver))
    });
    (sender, Body::from_stream(chunks))
}

fn line(id: &str) -> Bytes {
    Bytes::from(format!("{{\"id\":\"{id}\",\"body\":{{}}}}\n"))
}

#[tokio::test]
async fn a_database_that_goes_away_midway_stops_the_import_where_it_was() {
    let stalled = stalled(64).await;
    let running = tokio::spawn(stalled.commit_loop.run());
    let (sender, body) = content();
    let importing = tokio::spawn({
        let public = stalled.public.clone();
        async move { import(&public, PATH, body).await }
    });
    for id in ["a", "b", "c"] {
        sender.send(Ok(line(id))).await.unwrap();
    }
    sender.send(Ok(Bytes::from("nonsense\n"))).await.unwrap();
    eventually("the first lines to be stored", async || {
        (stalled.store.count().await.unwrap() == 3).then_some(())
    })
    .await;
    let file = stalled.directory.path().join(DATABASE_FILE);
    let options = SqliteConnectOptions::new().filename(file);
    let mut intruder = SqliteConnection::connect_with(&options).await.unwrap();
    let steal = "ALTER TABLE feed RENAME TO stolen";
    intruder.execute(steal).await.unwrap();
    for id in ["d", "e"] {
        sender.send(Ok(line(id))).await.unwrap();
    }
    drop(sender);

    let answer = importing.await.unwrap();

    answer.check_problem(503, "store-unavailable");
    assert_eq!(answer.field("retry-after"), "1");
    let report = answer.json();
    assert_eq!(report["lines"], 6);
    assert_eq!(report["lines_done"], 4);
    assert_eq!(
        (&report["created"], &report["failed"]),
        (&3.into(), &1.into())
    );
    assert_eq!(report["errors"][0]["line"], 4);
    assert_eq!(answer.field("pressrun-position"), report["position"]);

    let back = "ALTER TABLE stolen RENAME TO feed";
    intruder.execute(back).await.unwrap();
    let rest = [line("d"), line("e")].concat();
    let report = import(&stalled.public, PATH, rest).await.json();
    // A line beyond those reported done may have been on its way and stored all the same.
    let (created, unchanged) = (&report["created"], &report["unchanged"]);
    let stored = created.as_u64().unwrap() + unchanged.as_u64().unwrap();
    assert_eq!((stored, &report["failed"]), (2, &0.into()));
    running.abort();
}

#[tokio::test]
async fn content_that_breaks_off_is_400_with_what_was_done() {
    let site = site().await;
    let (sender, body) = content();
    let broken = async move {
        sender.send(Ok(line("a"))).await.unwrap();
        sender.send(Ok(Bytes::from("{\"id\""))).await.unwrap();
        let reset = std::io::ErrorKind::ConnectionReset.into();
        sender.send(Err(reset)).await.unwrap();
    };
    let (answer, ()) = tokio::join!(import(&site.public, PATH, body), broken);
    answer.check_problem(400, "malformed-request");
    let report = answer.json();
    assert_eq!(
        (&report["created"], &report["lines_done"]),
        (&1.into(), &1.into())
    );
}

#[tokio::test]
async fn what_was_committed_stays_when_the_client_goes() {
    let site = site().await;
    let (sender, body) = content();
    let importing = tokio::spawn({
        let public = site.public.clone();
        async move { import(&public, PATH, body).await }
    });
    sender.send(Ok(line("a"))).await.unwrap();
    eventually("the line to be stored", async || {
        (site.store.count().await.unwrap() == 1).then_some(())
    })
    .await;
    importing.abort();
    assert!(importing.await.unwrap_err().is_cancelled());
    assert_eq!(site.get("/v1/things/a").await.status(), 200);
}

#[tokio::test]
async fn a_writer_that_ends_stops_the_import() {
    let stalled = stalled(64).await;
    stalled.committer.shut_down();
    let answer = import(&stalled.public, PATH, line("a")).await;
    answer.check_problem(503, "not-ready");
    assert_eq!(answer.json()["lines_done"], 0);
}

#[tokio::test]
async fn a_queue_that_others_keep_full_stops_the_import_after_a_while() {
    let stalled = stalled(1).await;
    let other = Mutation {
        key: shared::ResourceKey::parse("things", "other").unwrap(),
        action: writer::store::Action::Delete,
        precondition: Precondition::None,
        retry: None,
    };
    let held = stalled.committer.submit(other, Vec::new()).unwrap();
    tokio::time::pause();
    let began = tokio::time::Instant::now();
    let answer = import(&stalled.public, PATH, line("a")).await;
    answer.check_problem(503, "queue-full");
    assert_eq!(answer.json()["lines_done"], 0);
    assert!(began.elapsed() >= Duration::from_secs(10));
    drop(held);
}

#[tokio::test]
async fn more_imports_than_are_allowed_are_503() {
    let site = site().await;
    let mut running = Vec::new();
    for number in 0..IMPORTS_MAX {
        let (sender, body) = content();
        let public = site.public.clone();
        let importing = tokio::spawn(async move { import(&public, PATH, body).await });
        sender.send(Ok(line(&number.to_string()))).await.unwrap();
        running.push((sender, importing));
    }
    let stored = u64::try_from(IMPORTS_MAX).unwrap();
    eventually("every import to have begun", async || {
        (site.store.count().await.unwrap() == stored).then_some(())
    })
    .await;
    import(&site.public, PATH, line("x"))
        .await
        .check_problem(503, "queue-full");
    for (sender, importing) in running {
        drop(sender);
        assert_eq!(importing.await.unwrap().status(), 200);
    }
    let put = request(
        "PUT",
        "/v1/things/x",
        &[("content-type", "application/json")],
        "{}",
    );
    assert_eq!(send(&site.public, put).await.status(), 201);
    let answer = import(&site.public, PATH, line("x")).await;
    check_totals(&answer, [1, 0, 0, 0, 1, 0]);
}
