//! Writes that clients repeat.

use shared::EntityTag;
use writer::store::{Mutation, Outcome, Precondition, Receipt, Retry};

use crate::store::fixture::{Home, commit, commit_one, delete, document, key, only_if, put, tip};

fn retry(name: u8, asked: u8) -> Retry {
    Retry {
        key: [name; 32],
        fingerprint: [asked; 32],
        tag: EntityTag([asked; 16]),
    }
}

fn repeatable(retry: Retry, mutation: Mutation) -> Mutation {
    Mutation {
        retry: Some(Box::new(retry)),
        ..mutation
    }
}

fn receipt(outcome: &Outcome) -> &Receipt {
    match outcome {
        Outcome::Replayed(receipt) => receipt,
        other => panic!("{other:?}"),
    }
}

pub(crate) async fn repeated_write_gets_its_receipt_and_changes_nothing(home: &Home) {
    let first = repeatable(retry(1, 1), put("a", "{}"));
    let created = commit_one(&*home.store, first.clone()).await;
    let Outcome::Created(created) = created else {
        panic!("{created:?}")
    };
    // Somebody else's write in between stays.
    commit_one(&*home.store, put("a", r#"{"n":2}"#)).await;
    let before = tip(&*home.store).await;

    // A server-made id is another one each time.
    for again in [first, repeatable(retry(1, 1), put("b", "{}"))] {
        let outcome = commit_one(&*home.other, again).await;
        let expected = Receipt {
            key: key("a"),
            is_created: true,
            version: created.version,
            position: created.slot.position,
            tag: EntityTag([1; 16]),
        };
        assert_eq!(*receipt(&outcome), expected);
    }
    assert_eq!(tip(&*home.store).await, before);
    let stored = document(&*home.store, "a").await;
    assert_eq!(stored.body.unwrap(), r#"{"n":2}"#);
    assert!(home.store.document(&key("b")).await.unwrap().is_none());
}

pub(crate) async fn key_of_another_write_is_refused(home: &Home) {
    commit_one(&*home.store, repeatable(retry(1, 1), put("a", "{}"))).await;
    let before = tip(&*home.store).await;
    let other = repeatable(retry(1, 2), put("a", r#"{"n":2}"#));
    assert_eq!(commit_one(&*home.store, other).await, Outcome::KeyReused);
    assert_eq!(tip(&*home.store).await, before);
}

pub(crate) async fn receipt_comes_before_preconditions(home: &Home) {
    let create = only_if(Precondition::Absent, put("a", "{}"));
    let first = repeatable(retry(1, 1), create.clone());
    commit_one(&*home.store, first.clone()).await;
    let again = commit_one(&*home.store, first).await;
    assert!(receipt(&again).is_created);
    let without = commit_one(&*home.store, create).await;
    assert_eq!(without, Outcome::PreconditionFailed);
}

pub(crate) async fn failed_write_leaves_no_receipt(home: &Home) {
    commit_one(&*home.store, put("a", "{}")).await;
    let create = only_if(Precondition::Absent, put("a", r#"{"n":2}"#));
    let create = repeatable(retry(1, 1), create);
    let failed = commit_one(&*home.store, create.clone()).await;
    assert_eq!(failed, Outcome::PreconditionFailed);
    assert!(home.store.receipt(&retry(1, 1)).await.unwrap().is_none());
    commit_one(&*home.store, delete("a")).await;
    let created = commit_one(&*home.store, create).await;
    assert!(matches!(created, Outcome::Created(_)), "{created:?}");
}

pub(crate) async fn write_that_changed_nothing_is_not_done_later(home: &Home) {
    let made = commit_one(&*home.store, put("a", "{}")).await;
    let same = repeatable(retry(1, 1), put("a", "{}"));
    let unchanged = commit_one(&*home.store, same.clone()).await;
    assert!(matches!(unchanged, Outcome::Unchanged { .. }));
    commit_one(&*home.store, put("a", r#"{"n":2}"#)).await;

    let again = commit_one(&*home.store, same).await;

    let position = made.committed().unwrap().slot.position;
    let receipt = receipt(&again);
    assert_eq!((receipt.position, receipt.is_created), (position, false));
    let stored = document(&*home.store, "a").await;
    assert_eq!(stored.body.unwrap(), r#"{"n":2}"#);
}

pub(crate) async fn repeated_write_spares_its_neighbours(home: &Home) {
    let first = repeatable(retry(1, 1), put("b", "{}"));
    commit_one(&*home.store, first.clone()).await;
    let reused = repeatable(retry(1, 2), put("d", "{}"));
    let new = repeatable(retry(2, 1), put("c", "{}"));

    let batch = [put("a", "{}"), first, new.clone(), put("e", "{}")];
    let outcomes = commit(&*home.store, &batch).await.outcomes;
    let [a, b, c, e] = &outcomes[..] else {
        panic!("{outcomes:?}")
    };
    for created in [a, c, e] {
        assert!(matches!(created, Outcome::Created(_)), "{outcomes:?}");
    }
    assert_eq!(receipt(b).key, key("b"));
    let outcomes = commit(&*home.store, &[new, reused]).await.outcomes;
    assert_eq!(receipt(&outcomes[0]).key, key("c"));
    assert_eq!(outcomes[1], Outcome::KeyReused);
}

pub(crate) async fn receipts_are_kept_for_their_time(home: &Home) {
    let first = repeatable(retry(1, 1), put("a", "{}"));
    commit_one(&*home.store, first.clone()).await;
    assert_eq!(home.store.prune_receipts(10).await.unwrap(), 0);
    assert!(home.store.receipt(&retry(1, 1)).await.unwrap().is_some());

    home.age_receipts().await;

    assert!(home.store.receipt(&retry(1, 1)).await.unwrap().is_none());
    let anew = commit_one(&*home.store, first.clone()).await;
    assert!(matches!(anew, Outcome::Unchanged { .. }), "{anew:?}");
    let again = commit_one(&*home.store, first).await;
    assert!(!receipt(&again).is_created);
    assert_eq!(home.store.prune_receipts(10).await.unwrap(), 0);

    commit_one(&*home.store, repeatable(retry(2, 1), put("b", "{}"))).await;
    home.age_receipts().await;
    assert_eq!(home.store.prune_receipts(1).await.unwrap(), 1);
    assert_eq!(home.store.prune_receipts(10).await.unwrap(), 1);
    assert_eq!(home.store.prune_receipts(10).await.unwrap(), 0);
}
