//! SQLite keeps the contract, and one process to a directory.

use testkit::eventually;
use writer::store::{Store, StoreError, sqlite::SqliteStore};

use super::{
    contract::contract_tests,
    fixture::{change, document, put, sqlite, tip},
};

contract_tests!(sqlite);

#[tokio::test]
async fn second_store_on_a_directory_is_refused() {
    let directory = tempfile::tempdir().unwrap();
    let first = SqliteStore::open(directory.path()).await.unwrap();

    let second = SqliteStore::open(directory.path()).await;

    let Err(StoreError::Unsuitable(message)) = second else {
        panic!("{second:?}")
    };
    assert!(message.contains("another process uses"), "{message}");
    assert!(message.contains(directory.path().to_str().unwrap()));
    drop(first);
    SqliteStore::open(directory.path()).await.unwrap();
}

#[tokio::test]
async fn directory_that_cannot_be_made_is_refused() {
    let file = tempfile::NamedTempFile::new().unwrap();
    let refused = SqliteStore::open(&file.path().join("data")).await;
    assert!(matches!(refused, Err(StoreError::Unsuitable(_))));
}

#[tokio::test]
async fn what_was_committed_is_there_after_reopening() {
    let directory = tempfile::tempdir().unwrap();
    let store = SqliteStore::open(directory.path()).await.unwrap();
    change(&store, put("a", r#"{"n":1.0}"#)).await;
    let before = tip(&store).await;
    drop(store);

    let reopen = || async { SqliteStore::open(directory.path()).await.ok() };
    let store = eventually("the directory to be free", reopen).await;

    assert_eq!(tip(&store).await, before);
    assert_eq!(document(&store, "a").await.body.unwrap(), r#"{"n":1.0}"#);
    let lease = store.lead().await.unwrap().expect("a lease");
    assert_eq!(lease.term(), 1);
}
