//! Databases restored, moved and promoted.

use testkit::Postgres;
use writer::store::{
    Store, StoreError,
    postgres::{PostgresOptions, PostgresStore},
};

use crate::store::fixture::{change, connect, put, tip};

#[tokio::test]
async fn database_restored_from_an_older_copy_begins_an_epoch() {
    let server = Postgres::shared().await;
    let url = server.create_database().await;
    PostgresStore::migrate(&url).await.unwrap();
    let original = connect(&url).await;
    change(&original, put("a", "[1]")).await;
    let backup = server.copy_database(&url).await;
    let restored = connect(&backup).await;
    let copied = tip(&restored).await;
    change(&original, put("a", "[2]")).await;
    let known = tip(&original).await;

    // The restored history reaches the same sequence: only the link tells them apart.
    change(&restored, put("a", "[3]")).await;
    let batch = restored.commit(Some(known), &[put("a", "[4]")]).await;

    let batch = batch.unwrap();
    assert!(batch.began_epoch);
    assert!(batch.tip.position.epoch > known.position.epoch);
    assert_eq!(
        batch.tip.position.sequence.0,
        copied.position.sequence.0 + 2
    );
}

#[tokio::test]
async fn older_copy_without_new_changes_begins_an_epoch() {
    let server = Postgres::shared().await;
    let url = server.create_database().await;
    PostgresStore::migrate(&url).await.unwrap();
    let original = connect(&url).await;
    change(&original, put("a", "[1]")).await;
    let restored = connect(&server.copy_database(&url).await).await;
    change(&original, put("a", "[2]")).await;

    let confirmed = restored.confirm(tip(&original).await).await.unwrap();

    assert!(confirmed.position.epoch > tip(&original).await.position.epoch);
}

#[tokio::test]
async fn dump_loaded_into_another_cluster_begins_an_epoch() {
    let server = Postgres::shared().await;
    let url = server.create_database().await;
    PostgresStore::migrate(&url).await.unwrap();
    let store = connect(&url).await;
    change(&store, put("a", "[1]")).await;
    let before = tip(&store).await;
    // What such a dump's feed row says.
    let moved = "UPDATE feed SET system_identifier = system_identifier + 1";
    server.execute(&url, moved).await;

    let batch = store.commit(None, &[put("a", "[2]")]).await.unwrap();
    let next = store.commit(None, &[put("a", "[3]")]).await.unwrap();

    assert!(batch.began_epoch);
    assert!(batch.tip.position.epoch > before.position.epoch);
    assert!(!next.began_epoch);
}

#[tokio::test]
async fn standby_is_refused_and_its_promotion_begins_an_epoch() {
    let mut server = Postgres::dedicated().await;
    let url = server.create_database().await;
    PostgresStore::migrate(&url).await.unwrap();
    let store = connect(&url).await;
    change(&store, put("a", "[1]")).await;
    let known = tip(&store).await;

    server.restart_as_standby().await;
    let refused = PostgresStore::connect(&url, PostgresOptions::default()).await;
    let Err(StoreError::Unsuitable(message)) = refused else {
        panic!("{refused:?}")
    };
    assert!(message.contains("standby"), "{message}");
    let feed = store.feed().await;
    assert!(matches!(feed, Err(StoreError::Unsuitable(_))), "{feed:?}");
    let failed = store.commit(None, &[put("a", "[2]")]).await;
    assert!(
        matches!(failed, Err(StoreError::Unavailable { .. })),
        "{failed:?}"
    );

    server.execute(&url, "SELECT pg_promote()").await;
    let batch = store.commit(Some(known), &[put("a", "[2]")]).await.unwrap();
    let next = store.commit(None, &[put("a", "[3]")]).await.unwrap();

    assert!(batch.began_epoch);
    assert!(!next.began_epoch);
}
