//! Documents, callers, loops and databases that fail.

use std::{sync::Arc, time::Duration};

use testkit::Postgres;
use writer::{
    commit::{Committer, QUEUE_MAX, WriteError, outbox},
    store::{
        Outcome, Store,
        postgres::{PostgresOptions, PostgresStore},
    },
};

use super::{OPTIONS, bench, block, count, queue, until_taken};
use crate::store::{
    fixture::{key, put},
    postgres::proxy::{Fault, Proxy},
};

#[tokio::test]
async fn refused_document_spares_its_neighbours() {
    let bench = bench(OPTIONS).await;
    let mut written = Vec::new();
    for n in 0..9 {
        let body = if n == 5 { "not JSON" } else { "{}" };
        written.push(queue(&bench.committer, put(&n.to_string(), body)).await);
    }

    tokio::spawn(bench.commit_loop.run());

    for (n, written) in written.into_iter().enumerate() {
        let outcome = written.await.unwrap();
        if n == 5 {
            assert_eq!(outcome, Err(WriteError::Refused));
        } else {
            assert!(matches!(outcome, Ok(Outcome::Created(_))), "{outcome:?}");
        }
    }
    let counters = bench.committer.counters();
    assert_eq!(count(&counters.refused), 1);
    assert_eq!(count(&counters.changes), 8);
    assert_eq!(bench.store.count().await.unwrap(), 8);
}

#[tokio::test]
async fn write_that_nobody_waits_for_is_skipped() {
    let bench = bench(OPTIONS).await;
    let abandoned = queue(&bench.committer, put("a", "{}")).await;
    let awaited = queue(&bench.committer, put("b", "{}")).await;
    abandoned.abort();
    abandoned.await.unwrap_err();

    tokio::spawn(bench.commit_loop.run());

    awaited.await.unwrap().unwrap();
    assert_eq!(count(&bench.committer.counters().abandoned), 1);
    assert_eq!(bench.store.document(&key("a")).await.unwrap(), None);
}

#[tokio::test]
async fn caller_that_leaves_amid_a_batch_does_not_disturb_it() {
    let bench = bench(OPTIONS).await;
    let blocker = block(bench.directory.path()).await;
    let leaving = queue(&bench.committer, put("a", "{}")).await;
    let staying = queue(&bench.committer, put("b", "{}")).await;
    tokio::spawn(bench.commit_loop.run());
    until_taken(&bench.committer).await;

    leaving.abort();
    leaving.await.unwrap_err();
    drop(blocker);

    let outcome = staying.await.unwrap();
    assert!(matches!(outcome, Ok(Outcome::Created(_))), "{outcome:?}");
    assert!(bench.store.document(&key("a")).await.unwrap().is_some());
}

#[tokio::test]
async fn shutdown_commits_what_is_queued() {
    let bench = bench(OPTIONS).await;
    let first = queue(&bench.committer, put("a", "[1]")).await;
    let second = queue(&bench.committer, put("a", "[2]")).await;

    bench.committer.shut_down();

    let refused = bench.committer.write(put("b", "{}"), Vec::new()).await;
    assert_eq!(refused, Err(WriteError::ShuttingDown));
    bench.commit_loop.run().await;
    assert!(matches!(first.await.unwrap(), Ok(Outcome::Created(_))));
    assert!(matches!(second.await.unwrap(), Ok(Outcome::Updated(_))));
}

#[tokio::test]
async fn shutdown_ends_an_idle_loop() {
    let bench = bench(OPTIONS).await;
    let running = tokio::spawn(bench.commit_loop.run());
    let write = bench.committer.write(put("a", "{}"), Vec::new());
    write.await.unwrap();
    bench.committer.shut_down();
    running.await.unwrap();
}

#[tokio::test]
async fn dropped_loop_refuses_what_is_queued() {
    let bench = bench(OPTIONS).await;
    let queued = queue(&bench.committer, put("a", "{}")).await;

    drop(bench.commit_loop);

    assert_eq!(queued.await.unwrap(), Err(WriteError::ShuttingDown));
    let refused = bench.committer.write(put("b", "{}"), Vec::new()).await;
    assert_eq!(refused, Err(WriteError::ShuttingDown));
}

#[tokio::test]
async fn loop_dropped_amid_a_batch_leaves_its_outcome_unknown() {
    let bench = bench(OPTIONS).await;
    let blocker = block(bench.directory.path()).await;
    let taken = queue(&bench.committer, put("a", "{}")).await;
    let running = tokio::spawn(bench.commit_loop.run());
    until_taken(&bench.committer).await;

    running.abort();

    assert_eq!(taken.await.unwrap(), Err(WriteError::CommitUnknown));
    drop(blocker);
}

/// A committer, running, on a PostgreSQL behind a proxy.
async fn behind_a_proxy() -> (Proxy, Committer) {
    let server = Postgres::shared().await;
    let url = server.create_database().await;
    PostgresStore::migrate(&url).await.unwrap();
    let proxy = Proxy::to(server.port()).await;
    let options = PostgresOptions {
        resolve_timeout: Duration::from_millis(300),
        ..PostgresOptions::default()
    };
    let store = PostgresStore::connect(&proxy.url(&url), options).await;
    let (outbox, _committed) = outbox(1);
    let (committer, commit_loop) =
        Committer::new(Arc::new(store.unwrap()), QUEUE_MAX, None, outbox);
    tokio::spawn(commit_loop.run());
    (proxy, committer)
}

#[tokio::test]
async fn lost_commit_fails_the_write_and_the_next_one_succeeds() {
    let (proxy, committer) = behind_a_proxy().await;
    proxy.arm(Fault::LoseCommit);

    let failed = committer.write(put("a", "{}"), Vec::new()).await;

    assert_eq!(failed, Err(WriteError::Unavailable));
    assert_eq!(count(&committer.counters().failed), 1);
    let next = committer.write(put("a", "{}"), Vec::new()).await;
    assert!(matches!(next, Ok(Outcome::Created(_))), "{next:?}");
}

#[tokio::test]
async fn unknown_outcome_is_told_and_counted() {
    let (proxy, committer) = behind_a_proxy().await;
    proxy.arm(Fault::LoseAnswerAndNetwork);

    let unknown = committer.write(put("a", "{}"), Vec::new()).await;

    assert_eq!(unknown, Err(WriteError::CommitUnknown));
    assert_eq!(count(&committer.counters().unknown), 1);
    proxy.arm(Fault::None);
    let again = committer.write(put("a", "{}"), Vec::new()).await;
    assert!(matches!(again, Ok(Outcome::Unchanged { .. })), "{again:?}");
}
