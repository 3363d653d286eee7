//! What the bus holds and the database does not.

use shared::Sequence;

use super::stage::{Stage, delete, encode, key, put, stage};

/// Of three changes, the first deleted `a`'s document and is pruned; the tombstone is in the bus.
async fn with_pruned_tombstone(stage: &mut Stage) {
    stage.publish(&[put("b", "[3]")]).await;
    stage.publish(&[put("c", "[4]")]).await;
    stage.keep_up().await;
    assert_eq!(stage.store.document(&key("a")).await.unwrap(), None);
    assert_eq!(stage.count(|all| &all.tombstones_pruned), 1);
}

#[tokio::test]
async fn tombstone_leaves_the_bus_after_the_database_and_stays_away() {
    let mut stage = stage().await;
    stage.commit(&[put("a", "[1]")]).await;
    // The rebuild that begins here has log_from at the deletion.
    stage.publish(&[delete("a")]).await;
    stage.keep_up().await;
    assert!(stage.held("a").await.is_some(), "the database still has it");

    with_pruned_tombstone(&mut stage).await;
    stage.keep_up().await;

    assert_eq!(stage.held("a").await, None);
    assert_eq!(stage.count(|all| &all.purged), 1);
    stage.keep_up().await;
    assert_eq!(stage.held("a").await, None);
    assert_eq!((stage.mended(), stage.rebuilds()), (0, 1));
}

#[tokio::test]
async fn tombstone_that_the_log_names_stays_in_the_bus() {
    let mut stage = stage().await;
    stage.publish(&[put("a", "[1]")]).await;
    stage.publish(&[delete("a")]).await;
    assert!(stage.meta().await.log_from < Sequence(2));

    with_pruned_tombstone(&mut stage).await;
    stage.keep_up().await;

    assert!(stage.held("a").await.is_some());
    assert_eq!((stage.count(|all| &all.purged), stage.rebuilds()), (0, 1));
}

#[tokio::test]
async fn document_unknown_to_the_database_is_removed() {
    for (sequence, rebuilds) in [(1, 1), (3, 2)] {
        let mut stage = stage().await;
        stage.commit(&[put("a", "[1]")]).await;
        stage.publish(&[put("b", "[2]")]).await;
        stage.publish(&[put("c", "[3]")]).await;
        let mut unknown = stage.held("a").await.unwrap();
        unknown.key = key("unknown");
        unknown.position.sequence = Sequence(sequence);
        stage.spoil("unknown", encode(&unknown)).await;
        assert_eq!(stage.held("unknown").await, Some(unknown));

        stage.keep_up().await;

        assert_eq!(stage.held("unknown").await, None);
        assert_eq!(stage.rebuilds(), rebuilds, "log_from is 2");
        assert!(stage.held("a").await.is_some());
    }
}

#[tokio::test]
async fn outgrown_snapshot_is_rebuilt_with_more_buckets() {
    let mut stage = stage().await;
    stage.publish(&[]).await;
    assert_eq!(stage.meta().await.buckets, 1);
    stage.leader.changes_kept = 10_000;
    for page in 0..9 {
        let batch: Vec<_> = (0..500)
            .map(|one| put(&format!("{page}-{one}"), "{}"))
            .collect();
        stage.commit(&batch).await;
    }

    stage.publish(&[]).await;
    stage.keep_up().await;

    assert_eq!(stage.meta().await.buckets, 16);
    assert!(stage.held("8-499").await.is_some());
}
