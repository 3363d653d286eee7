//! Batches whose connection breaks.

use std::{sync::Arc, time::Duration};

use shared::{EntityTag, Sequence};
use sqlx::{Connection, Executor, PgConnection};
use testkit::{Postgres, eventually};
use writer::store::{
    Mutation, Outcome, Retry, Store, StoreError,
    postgres::{PostgresOptions, PostgresStore},
};

use super::proxy::{Fault, Proxy};
use crate::store::fixture::{change, commit_one, connect, document, key, put, tip};

async fn migrated() -> String {
    let url = Postgres::shared().await.create_database().await;
    PostgresStore::migrate(&url).await.unwrap();
    url
}

/// Runs a batch into `obstacle`, ends its session there, and expects that nothing was done.
async fn expect_clean_end(obstacle: &'static str) {
    let url = migrated().await;
    let store = Arc::new(connect(&url).await);
    change(&*store, put("a", "[1]")).await;
    let before = tip(&*store).await;
    let mut blocker = PgConnection::connect(&url).await.unwrap();
    let mut obstacles = blocker.begin().await.unwrap();
    obstacles.execute(obstacle).await.unwrap();

    let batch = [put("a", "[2]"), put("b", "{}")];
    let writing = Arc::clone(&store);
    let committing = tokio::spawn(async move { writing.commit(None, &batch).await });
    eventually("the batch to wait for the obstacle and end", || async {
        let mut session = PgConnection::connect(&url).await.unwrap();
        let ended = sqlx::query(
            "SELECT pg_terminate_backend(pid) FROM pg_stat_activity
            WHERE datname = current_database() AND wait_event_type = 'Lock'",
        );
        let ended = ended.execute(&mut session).await.unwrap();
        (ended.rows_affected() > 0).then_some(())
    })
    .await;

    let failed = committing.await.unwrap();
    assert!(
        matches!(failed, Err(StoreError::Unavailable { .. })),
        "{failed:?}"
    );
    obstacles.rollback().await.unwrap();
    assert_eq!(tip(&*store).await, before);
    assert_eq!(document(&*store, "a").await.body.unwrap(), "[1]");
    assert_eq!(store.document(&key("b")).await.unwrap(), None);
    let next = change(&*store, put("b", "{}")).await;
    assert_eq!(next.slot.position.sequence, Sequence(2));
}

#[tokio::test]
async fn backend_killed_before_the_feed_lock_leaves_nothing() {
    expect_clean_end("SELECT * FROM feed FOR UPDATE").await;
}

#[tokio::test]
async fn backend_killed_while_applying_leaves_nothing() {
    expect_clean_end("LOCK TABLE changes").await;
}

/// A store behind a proxy, and one beside it.
async fn behind_a_proxy(resolve_timeout: Duration) -> (Proxy, PostgresStore, PostgresStore) {
    let url = migrated().await;
    let proxy = Proxy::to(Postgres::shared().await.port()).await;
    let options = PostgresOptions {
        resolve_timeout,
        ..PostgresOptions::default()
    };
    let store = PostgresStore::connect(&proxy.url(&url), options)
        .await
        .unwrap();
    (proxy, store, connect(&url).await)
}

#[tokio::test]
async fn lost_commit_answer_is_resolved() {
    let (proxy, store, beside) = behind_a_proxy(Duration::from_secs(20)).await;
    change(&store, put("a", "[1]")).await;

    proxy.arm(Fault::LoseAnswer);
    let resolved = change(&store, put("a", "[2]")).await;

    assert_eq!(document(&beside, "a").await.slot, resolved.slot);
    change(&store, put("a", "[3]")).await;
}

#[tokio::test]
async fn lost_commit_is_a_clean_error() {
    let (proxy, store, beside) = behind_a_proxy(Duration::from_secs(20)).await;
    change(&store, put("a", "[1]")).await;
    let before = tip(&beside).await;

    proxy.arm(Fault::LoseCommit);
    let failed = store.commit(None, &[put("a", "[2]")]).await;

    assert!(
        matches!(failed, Err(StoreError::Unavailable { .. })),
        "{failed:?}"
    );
    assert_eq!(tip(&beside).await, before);
    change(&store, put("a", "[2]")).await;
}

#[tokio::test]
async fn receipt_alone_is_not_told_of_unless_its_commit_was_answered() {
    let (proxy, store, beside) = behind_a_proxy(Duration::from_secs(20)).await;
    change(&store, put("a", "[1]")).await;
    let unchanged = |name: u8| Mutation {
        retry: Some(Box::new(Retry {
            key: [name; 32],
            fingerprint: [name; 32],
            tag: EntityTag([name; 16]),
        })),
        ..put("a", "[1]")
    };
    for (name, fault, is_stored) in [(1, Fault::LoseCommit, false), (2, Fault::LoseAnswer, true)] {
        proxy.arm(fault);
        let failed = store.commit(None, &[unchanged(name)]).await;
        assert!(
            matches!(failed, Err(StoreError::Unavailable { .. })),
            "{failed:?}"
        );
        let again = commit_one(&beside, unchanged(name)).await;
        assert_eq!(
            matches!(again, Outcome::Replayed(_)),
            is_stored,
            "{again:?}"
        );
    }
}

#[tokio::test]
async fn lost_answer_with_the_network_gone_is_unknown() {
    let (proxy, store, beside) = behind_a_proxy(Duration::from_millis(300)).await;
    change(&store, put("a", "[1]")).await;

    proxy.arm(Fault::LoseAnswerAndNetwork);
    let unknown = store.commit(None, &[put("a", "[2]")]).await;

    assert!(
        matches!(unknown, Err(StoreError::CommitUnknown(_))),
        "{unknown:?}"
    );
    assert_eq!(document(&beside, "a").await.body.unwrap(), "[2]");
    proxy.arm(Fault::None);
    let again = commit_one(&store, put("a", "[2]")).await;
    assert_eq!(again.committed(), None);
}

#[tokio::test]
async fn epoch_begun_with_a_lost_answer_is_resolved() {
    let (proxy, store, beside) = behind_a_proxy(Duration::from_secs(20)).await;
    change(&store, put("a", "[1]")).await;
    let known = crate::store::fixture::foreign(tip(&store).await);

    proxy.arm(Fault::LoseAnswer);
    let confirmed = store.confirm(known).await.unwrap();

    assert!(confirmed.position.epoch > known.position.epoch);
    assert_eq!(tip(&beside).await, confirmed);
}

#[tokio::test]
async fn killed_server_is_a_clean_error_and_comes_back() {
    let mut server = Postgres::dedicated().await;
    let url = server.create_database().await;
    PostgresStore::migrate(&url).await.unwrap();
    let store = connect(&url).await;
    let before = change(&store, put("a", "[1]")).await;

    server.signal("KILL");
    let failed = store.commit(None, &[put("a", "[2]")]).await;
    assert!(
        matches!(failed, Err(StoreError::Unavailable { .. })),
        "{failed:?}"
    );
    server.restart().await;

    assert_eq!(document(&store, "a").await.slot, before.slot);
    change(&store, put("a", "[2]")).await;
}
