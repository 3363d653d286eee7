//! What the database keeps, and what expires.

use shared::{Sequence, Timestamp};

use super::stage::{expiring, key, put, stage};

#[tokio::test]
async fn last_changes_are_kept_and_earlier_ones_pruned() {
    let mut stage = stage().await;
    for body in ["[1]", "[2]", "[3]", "[4]", "[5]"] {
        stage.publish(&[put("a", body)]).await;
    }

    stage.keep_up().await;

    let page = stage.store.changes(Sequence::ZERO, 10).await.unwrap();
    assert_eq!(page.floor, Sequence(4));
    assert_eq!(stage.count(|all| &all.changes_pruned), 3);
}

#[tokio::test]
async fn changes_that_the_bus_lacks_are_kept() {
    let mut stage = stage().await;
    stage.publish(&[put("a", "[1]")]).await;
    for body in ["[2]", "[3]", "[4]", "[5]"] {
        stage.commit(&[put("a", body)]).await;
    }

    stage.keep_up().await;

    assert_eq!(stage.meta().await.published_through, Sequence(1));
    let page = stage.store.changes(Sequence::ZERO, 10).await.unwrap();
    assert_eq!(page.floor, Sequence(1));
}

#[tokio::test]
async fn expired_document_becomes_a_tombstone_and_others_stay() {
    let stage = stage().await;
    let now = stage.store.feed().await.unwrap().now.0;
    let later = Timestamp(now + 3_600_000_000);
    stage
        .commit(&[
            expiring("a", Timestamp(now - 1)),
            expiring("b", later),
            put("c", "{}"),
        ])
        .await;

    assert_eq!(stage.leader.expire_some().await.unwrap(), 1);

    let document = async |id| stage.store.document(&key(id)).await.unwrap().unwrap();
    assert_eq!(document("a").await.body, None);
    assert_eq!(document("a").await.slot.position.sequence, Sequence(4));
    assert!(document("b").await.body.is_some());
    assert!(document("c").await.body.is_some());
    assert_eq!(stage.leader.expire_some().await.unwrap(), 0);
    assert_eq!(stage.count(|all| &all.expired), 1);
}
