//! What the bus lost or has wrong is put right.

use shared::Sequence;

use super::stage::{encode, put, stage};

#[tokio::test]
async fn lost_document_is_mended() {
    let mut stage = stage().await;
    stage.publish(&[put("a", "[1]"), put("b", "[2]")]).await;
    let before = stage.held("a").await;
    stage.bus.lose_document(&super::stage::key("a"));
    assert_eq!(stage.held("a").await, None);

    stage.keep_up().await;

    assert_eq!(stage.held("a").await, before);
    assert_eq!((stage.mended(), stage.rebuilds()), (1, 1));
}

#[tokio::test]
async fn stale_document_is_mended() {
    let mut stage = stage().await;
    stage.publish(&[put("a", "[1]")]).await;
    let stale = stage.held("a").await.unwrap();
    stage.publish(&[put("a", "[2]")]).await;
    let current = stage.held("a").await.unwrap();
    stage.spoil("a", encode(&stale)).await;
    assert_eq!(stage.held("a").await.unwrap(), stale);

    stage.keep_up().await;

    assert_eq!(stage.held("a").await.unwrap(), current);
    assert_eq!((stage.mended(), stage.rebuilds()), (1, 1));
}

#[tokio::test]
async fn damaged_document_is_mended() {
    let mut stage = stage().await;
    stage.publish(&[put("a", "[1]")]).await;
    let whole = encode(&stage.held("a").await.unwrap());
    for damaged in [
        whole.slice(..whole.len() - 1),
        whole.slice(..10),
        whole.slice(..0),
    ] {
        stage.spoil("a", damaged).await;

        stage.keep_up().await;

        assert_eq!(encode(&stage.held("a").await.unwrap()), whole);
    }
    assert_eq!((stage.mended(), stage.rebuilds()), (3, 1));
}

#[tokio::test]
async fn right_documents_are_left_alone() {
    let mut stage = stage().await;
    stage.publish(&[put("a", "[1]"), put("b", "[2]")]).await;
    let compared = stage.count(|all| &all.compared);

    stage.keep_up().await;

    assert_eq!(stage.count(|all| &all.compared), compared + 2);
    assert_eq!((stage.mended(), stage.rebuilds()), (0, 1));
}

#[tokio::test]
async fn documents_on_their_way_are_not_mended() {
    let mut stage = stage().await;
    stage.publish(&[put("a", "[1]")]).await;
    stage.commit(&[put("a", "[2]"), put("b", "[2]")]).await;

    stage.keep_up().await;

    assert_eq!(stage.mended(), 0);
    assert_eq!(stage.held("b").await, None);
    stage.publish(&[]).await;
    assert_eq!(
        stage.held("b").await.unwrap().position.sequence,
        Sequence(3)
    );
    assert_eq!(stage.mended(), 0);
}

#[tokio::test]
async fn octets_that_look_newer_end_in_a_rebuild() {
    let mut stage = stage().await;
    stage.publish(&[put("a", "[1]")]).await;
    let right = stage.held("a").await.unwrap();
    stage.spoil("a", vec![b'x'; 200]).await;

    stage.keep_up().await;

    assert_eq!(stage.held("a").await.unwrap(), right);
    assert_eq!(stage.rebuilds(), 2);
}

#[tokio::test]
async fn document_ahead_of_the_database_ends_in_a_rebuild() {
    let mut stage = stage().await;
    stage.publish(&[put("a", "[1]")]).await;
    let right = stage.held("a").await.unwrap();
    let mut ahead = right.clone();
    ahead.position.sequence = Sequence(9);
    stage.spoil("a", encode(&ahead)).await;

    stage.keep_up().await;

    assert_eq!(stage.held("a").await.unwrap(), right);
    assert_eq!(stage.rebuilds(), 2);
}

#[tokio::test]
async fn lost_bucket_is_found_and_rebuilt() {
    let mut stage = stage().await;
    stage.publish(&[put("a", "[1]")]).await;
    stage.bus.lose_bucket(0);
    assert!(stage.meta().await.complete, "nobody has noticed");

    stage.keep_up().await;
    assert!(!stage.meta().await.complete);

    stage.publish(&[]).await;
    assert!(stage.held("a").await.is_some());
    assert_eq!(stage.rebuilds(), 2);
}

#[tokio::test]
async fn a_pass_goes_through_all_documents_page_by_page() {
    let mut stage = stage().await;
    for hundred in 0..11 {
        let batch: Vec<_> = (0..100)
            .map(|one| put(&format!("{hundred}-{one}"), "{}"))
            .collect();
        stage.commit(&batch).await;
    }
    stage.publish(&[]).await;
    let compared = stage.count(|all| &all.compared);

    stage.keep_up().await;
    assert_eq!(stage.count(|all| &all.compared), compared + 1000);
    stage.round().await;
    assert_eq!(stage.count(|all| &all.compared), compared + 1100);
    // The next pass begins later.
    stage.round().await;
    assert_eq!(stage.count(|all| &all.compared), compared + 1100);
}
