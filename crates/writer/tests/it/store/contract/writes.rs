//! What one mutation does.

use std::sync::Arc;

use shared::{Sequence, Timestamp, Version};
use writer::store::{Action, BATCH_MAX, Mutation, Outcome, Precondition, StoreError};

use crate::store::fixture::{
    Home, change, commit, commit_one, delete, document, key, only_if, put, tip,
};

pub(crate) async fn first_put_creates_version_1(home: &Home) {
    let before = home.store.feed().await.unwrap();

    let outcome = commit_one(&*home.store, put("a", "{}")).await;

    let Outcome::Created(committed) = outcome else {
        panic!("{outcome:?}")
    };
    assert_eq!(committed.version, Version(1));
    assert_eq!(committed.slot.position.sequence, Sequence(1));
    assert_eq!(committed.slot.position.epoch, before.tip.position.epoch);
    assert!(committed.updated_at >= before.now);
    let stored = document(&*home.store, "a").await;
    assert_eq!(stored.body.unwrap(), "{}");
    assert_eq!(stored.slot, committed.slot);
    assert_eq!(stored.created_at, committed.updated_at);
    assert_eq!(stored.updated_at, committed.updated_at);
}

pub(crate) async fn put_of_other_content_updates(home: &Home) {
    let created = change(&*home.store, put("a", r#"{"n":1}"#)).await;

    let outcome = commit_one(&*home.store, put("a", r#"{"n":2}"#)).await;

    let Outcome::Updated(updated) = outcome else {
        panic!("{outcome:?}")
    };
    assert_eq!(updated.version, Version(2));
    let stored = document(&*home.store, "a").await;
    assert_eq!(stored.body.unwrap(), r#"{"n":2}"#);
    assert_eq!(stored.created_at, created.updated_at);
    assert_eq!(stored.updated_at, updated.updated_at);
}

pub(crate) async fn put_of_identical_content_changes_nothing(home: &Home) {
    let created = change(&*home.store, put("a", r#"{"n":1}"#)).await;
    change(&*home.store, put("b", "{}")).await;
    let before = tip(&*home.store).await;

    let outcome = commit_one(&*home.store, put("a", r#"{"n":1}"#)).await;

    let unchanged = Outcome::Unchanged {
        version: Version(1),
        position: created.slot.position,
    };
    assert_eq!(outcome, unchanged);
    assert_eq!(tip(&*home.store).await, before);
}

pub(crate) async fn put_of_another_expiry_updates(home: &Home) {
    let expiring = |micros| Mutation {
        action: Action::Put {
            body: "{}".into(),
            expires_at: Some(Timestamp(micros)),
        },
        ..put("a", "{}")
    };
    change(&*home.store, put("a", "{}")).await;

    let outcome = commit_one(&*home.store, expiring(5_000_000_000_000_000)).await;
    assert!(matches!(outcome, Outcome::Updated(_)), "{outcome:?}");
    let outcome = commit_one(&*home.store, expiring(5_000_000_000_000_001)).await;
    assert!(matches!(outcome, Outcome::Updated(_)), "{outcome:?}");
    let outcome = commit_one(&*home.store, expiring(5_000_000_000_000_001)).await;
    assert!(matches!(outcome, Outcome::Unchanged { .. }), "{outcome:?}");
}

pub(crate) async fn deletion_leaves_a_tombstone(home: &Home) {
    let created = change(&*home.store, put("a", "{}")).await;

    let outcome = commit_one(&*home.store, delete("a")).await;

    let Outcome::Deleted(deleted) = outcome else {
        panic!("{outcome:?}")
    };
    assert_eq!(deleted.version, Version(2));
    let tombstone = document(&*home.store, "a").await;
    assert_eq!(tombstone.body, None);
    assert_eq!(tombstone.slot, deleted.slot);
    assert_eq!(tombstone.created_at, created.updated_at);
}

pub(crate) async fn deletion_of_nothing_is_not_found(home: &Home) {
    assert_eq!(
        commit_one(&*home.store, delete("a")).await,
        Outcome::NotFound
    );
    change(&*home.store, put("a", "{}")).await;
    change(&*home.store, delete("a")).await;
    let before = tip(&*home.store).await;

    assert_eq!(
        commit_one(&*home.store, delete("a")).await,
        Outcome::NotFound
    );

    assert_eq!(tip(&*home.store).await, before);
}

pub(crate) async fn version_continues_over_a_tombstone(home: &Home) {
    change(&*home.store, put("a", "{}")).await;
    change(&*home.store, delete("a")).await;

    let outcome = commit_one(&*home.store, put("a", "{}")).await;

    let Outcome::Created(committed) = outcome else {
        panic!("{outcome:?}")
    };
    assert_eq!(committed.version, Version(3));
    let stored = document(&*home.store, "a").await;
    assert_eq!(stored.created_at, committed.updated_at);
}

pub(crate) async fn preconditions_are_judged_against_live_documents(home: &Home) {
    use Precondition::{Absent, Version as Is};
    change(&*home.store, put("live", "{}")).await;
    change(&*home.store, put("gone", "{}")).await;
    change(&*home.store, delete("gone")).await;

    for (precondition, mutation, holds) in [
        (Absent, put("live", "[1]"), false),
        (Is(Version(2)), put("live", "[2]"), false),
        (Is(Version(1)), put("live", "[3]"), true),
        (Is(Version(1)), delete("live"), false),
        (Is(Version(2)), delete("live"), true),
        (Is(Version(2)), put("gone", "[4]"), false),
        (Is(Version(2)), delete("gone"), false),
        (Absent, put("gone", "[5]"), true),
        (Is(Version(1)), put("never", "[6]"), false),
        (Absent, put("never", "[7]"), true),
    ] {
        let outcome = commit_one(&*home.store, only_if(precondition, mutation.clone())).await;
        let failed = outcome == Outcome::PreconditionFailed;
        assert_eq!(!failed, holds, "{precondition:?} {mutation:?}: {outcome:?}");
    }
}

pub(crate) async fn failed_precondition_spares_its_neighbours(home: &Home) {
    let batch = [
        put("a", "{}"),
        only_if(Precondition::Version(Version(9)), put("b", "{}")),
        put("c", "{}"),
    ];

    let batch = commit(&*home.store, &batch).await;

    assert!(matches!(batch.outcomes[0], Outcome::Created(_)));
    assert_eq!(batch.outcomes[1], Outcome::PreconditionFailed);
    let last = batch.outcomes[2].committed().expect("c was created");
    assert_eq!(last.slot.position.sequence, Sequence(2));
    assert_eq!(batch.tip, tip(&*home.store).await);
    assert_eq!(home.store.document(&key("b")).await.unwrap(), None);
}

fn batch_of(count: usize) -> Vec<Mutation> {
    (0..count).map(|n| put(&n.to_string(), "{}")).collect()
}

pub(crate) async fn batch_of_512_is_committed_whole(home: &Home) {
    let batch = commit(&*home.store, &batch_of(BATCH_MAX)).await;

    assert_eq!(batch.outcomes.len(), BATCH_MAX);
    assert_eq!(batch.tip.position.sequence, Sequence(512));
    assert_eq!(home.store.count().await.unwrap(), 512);
}

pub(crate) async fn batch_of_513_panics(home: &Home) {
    assert!(panics(home, batch_of(BATCH_MAX + 1)).await);
}

pub(crate) async fn batch_with_a_key_twice_panics(home: &Home) {
    assert!(panics(home, vec![put("a", "[1]"), put("a", "[2]")]).await);
}

async fn panics(home: &Home, batch: Vec<Mutation>) -> bool {
    let store = Arc::clone(&home.store);
    let committed = tokio::spawn(async move { store.commit(None, &batch).await });
    committed.await.is_err_and(|error| error.is_panic())
}

pub(crate) async fn refused_body_changes_nothing(home: &Home) {
    let before = tip(&*home.store).await;
    for body in ["{", "", "\0", "{\"a\":\"\u{1}\"}"] {
        let batch = [put("a", "{}"), put("b", body), put("c", "{}")];

        let refused = home.store.commit(None, &batch).await;

        assert!(
            matches!(refused, Err(StoreError::Refused(_))),
            "{body:?}: {refused:?}"
        );
        assert_eq!(tip(&*home.store).await, before);
        assert_eq!(home.store.count().await.unwrap(), 0);
    }
    let not_utf8 = Mutation {
        action: Action::Put {
            body: b"\xff".as_slice().into(),
            expires_at: None,
        },
        ..put("a", "{}")
    };
    let refused = home.store.commit(None, &[not_utf8]).await;
    assert!(matches!(refused, Err(StoreError::Refused(_))));
    change(&*home.store, put("a", "{}")).await;
}
