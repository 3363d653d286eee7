//! Reading the log and the documents page by page, and pruning.

use shared::{ResourceKey, Sequence};
use writer::store::{Action, DocumentPage, Mutation, PAGE_BYTES, Precondition, Pruned, Stamp};

use crate::store::fixture::{Home, body_of, change, commit, delete, document, key, put, tip};

const MIB: usize = 1024 * 1024;

fn sequences(page: &writer::store::ChangePage) -> Vec<u64> {
    let numbers = page.changes.iter();
    numbers
        .map(|change| change.slot.position.sequence.0)
        .collect()
}

fn ids(page: &DocumentPage) -> Vec<&str> {
    page.documents
        .iter()
        .map(|document| document.key.id())
        .collect()
}

pub(crate) async fn empty_database_has_empty_pages(home: &Home) {
    let changes = home.store.changes(Sequence::ZERO, 10).await.unwrap();
    assert_eq!(changes.feed.tip, tip(&*home.store).await);
    assert_eq!(changes.floor, Sequence(1));
    assert_eq!(changes.changes, []);
    let documents = home.store.documents(None, 10).await.unwrap();
    assert_eq!(documents.documents, []);
    assert_eq!(documents.next, None);
    assert_eq!(documents.epoch, changes.feed.tip.position.epoch);
}

pub(crate) async fn change_carries_the_current_document(home: &Home) {
    change(&*home.store, put("a", "[1]")).await;
    change(&*home.store, put("a", "[2]")).await;
    change(&*home.store, delete("a")).await;

    let page = home.store.changes(Sequence::ZERO, 10).await.unwrap();

    assert_eq!(sequences(&page), [1, 2, 3]);
    let tombstone = document(&*home.store, "a").await;
    for change in page.changes {
        assert_eq!(change.document, tombstone);
    }
}

pub(crate) async fn changes_are_bounded_by_limit(home: &Home) {
    let batch: Vec<_> = (0..5).map(|n| put(&n.to_string(), "{}")).collect();
    commit(&*home.store, &batch).await;

    let first = home.store.changes(Sequence::ZERO, 2).await.unwrap();
    let middle = home.store.changes(Sequence(2), 2).await.unwrap();
    let last = home.store.changes(Sequence(4), 2).await.unwrap();
    let beyond = home.store.changes(Sequence(99), 2).await.unwrap();

    assert_eq!(sequences(&first), [1, 2]);
    assert_eq!(sequences(&middle), [3, 4]);
    assert_eq!(sequences(&last), [5]);
    assert!(beyond.changes.is_empty());
    assert_eq!(beyond.floor, Sequence(1));
}

pub(crate) async fn changes_are_bounded_by_octets(home: &Home) {
    assert_eq!(PAGE_BYTES, 4 * MIB);
    // Four of them are one octet short of the bound, so a fifth still goes.
    let mut sizes = vec![MIB; 7];
    sizes[0] -= 1;
    for (n, size) in sizes.into_iter().enumerate() {
        change(&*home.store, put(&n.to_string(), &body_of(size))).await;
    }

    let page = home.store.changes(Sequence::ZERO, 100).await.unwrap();
    let next = home.store.changes(Sequence(1), 100).await.unwrap();

    assert_eq!(sequences(&page), [1, 2, 3, 4, 5]);
    assert_eq!(sequences(&next), [2, 3, 4, 5]);
}

pub(crate) async fn documents_come_in_key_order(home: &Home) {
    let at = |collection, id| ResourceKey::parse(collection, id).unwrap();
    // By octets: capitals first, hyphenated collections after their beginning.
    let keys = [
        at("a", "B"),
        at("a", "a"),
        at("a", "a/b"),
        at("a", "é"),
        at("a-b", "0"),
        at("b", "0"),
    ];
    let batch: Vec<Mutation> = keys
        .iter()
        .rev()
        .map(|key| Mutation {
            key: key.clone(),
            action: Action::Put {
                body: "{}".into(),
                expires_at: None,
            },
            precondition: Precondition::None,
            retry: None,
        })
        .collect();
    commit(&*home.store, &batch).await;

    let mut found = Vec::new();
    let mut after = None;
    loop {
        let page = home.store.documents(after.as_ref(), 2).await.unwrap();
        found.extend(page.documents.into_iter().map(|document| document.key));
        after = page.next;
        if after.is_none() {
            break;
        }
    }

    assert_eq!(found, keys);
}

pub(crate) async fn documents_are_bounded_by_octets(home: &Home) {
    let body = body_of(MIB);
    for n in 0..6 {
        change(&*home.store, put(&n.to_string(), &body)).await;
    }
    change(&*home.store, delete("5")).await;

    let page = home.store.documents(None, 100).await.unwrap();
    let last = home.store.documents(page.next.as_ref(), 100).await.unwrap();

    assert_eq!(ids(&page), ["0", "1", "2", "3"]);
    assert_eq!(page.next, Some(key("3")));
    assert_eq!(ids(&last), ["4", "5"]);
    assert_eq!(last.next, None);
    assert_eq!(last.documents[1].body, None);
}

pub(crate) async fn page_that_ends_at_the_limit_says_so(home: &Home) {
    commit(&*home.store, &[put("a", "{}"), put("b", "{}")]).await;

    let exact = home.store.documents(None, 2).await.unwrap();
    let short = home.store.documents(None, 1).await.unwrap();

    assert_eq!(exact.next, None);
    assert_eq!(short.next, Some(key("a")));
}

pub(crate) async fn pruned_changes_raise_the_floor(home: &Home) {
    for n in 0..5 {
        change(&*home.store, put(&n.to_string(), "{}")).await;
    }

    let some = home.store.prune(Sequence(4), 2).await.unwrap();
    let rest = home.store.prune(Sequence(4), 2).await.unwrap();
    let none = home.store.prune(Sequence(4), 2).await.unwrap();

    assert_eq!([some, rest, none].map(|pruned| pruned.changes), [2, 1, 0]);
    let page = home.store.changes(Sequence::ZERO, 10).await.unwrap();
    assert_eq!(page.floor, Sequence(4));
    assert_eq!(sequences(&page), [4, 5]);
    home.store.prune(Sequence(99), 10).await.unwrap();
    let page = home.store.changes(Sequence::ZERO, 10).await.unwrap();
    assert_eq!(page.floor, Sequence(6));
    assert_eq!(home.store.count().await.unwrap(), 5);
}

pub(crate) async fn tombstone_stays_while_its_change_does(home: &Home) {
    change(&*home.store, put("a", "{}")).await;
    change(&*home.store, delete("a")).await;
    change(&*home.store, put("b", "{}")).await;

    let kept = home.store.prune(Sequence(2), 10).await.unwrap();
    let gone = home.store.prune(Sequence(3), 10).await.unwrap();

    let pruned = |changes, tombstones| Pruned {
        changes,
        tombstones,
    };
    assert_eq!([kept, gone], [pruned(1, 0), pruned(1, 1)]);
    assert_eq!(home.store.document(&key("a")).await.unwrap(), None);
}

pub(crate) async fn recreated_document_is_not_pruned(home: &Home) {
    change(&*home.store, put("a", "{}")).await;
    change(&*home.store, delete("a")).await;
    change(&*home.store, put("a", "{}")).await;

    let pruned = home.store.prune(Sequence(99), 10).await.unwrap();

    assert_eq!(pruned.tombstones, 0);
    assert!(document(&*home.store, "a").await.body.is_some());
}

pub(crate) async fn stamps_are_those_of_the_documents(home: &Home) {
    assert_eq!(home.store.stamps(None, 10).await.unwrap().stamps, []);
    commit(
        &*home.store,
        &[put("b", "{}"), put("a", "{}"), put("c", "{}")],
    )
    .await;
    change(&*home.store, delete("b")).await;

    let first = home.store.stamps(None, 2).await.unwrap();
    let second = home.store.stamps(first.next.as_ref(), 2).await.unwrap();

    assert_eq!(first.epoch, tip(&*home.store).await.position.epoch);
    assert_eq!(first.next, Some(key("b")));
    assert_eq!(second.next, None);
    let stamps: Vec<_> = [first.stamps, second.stamps].concat();
    let documents = home.store.documents(None, 10).await.unwrap().documents;
    let expected: Vec<_> = documents
        .into_iter()
        .map(|document| Stamp {
            sequence: document.slot.position.sequence,
            link: document.slot.link,
            is_deleted: document.body.is_none(),
            key: document.key,
        })
        .collect();
    assert_eq!(stamps, expected);
}

pub(crate) async fn absent_keys_have_neither_document_nor_tombstone(home: &Home) {
    commit(&*home.store, &[put("é", "{}"), put("gone", "{}")]).await;
    change(&*home.store, delete("gone")).await;
    let other = ResourceKey::parse("pages", "gone").unwrap();
    let keys = [key("é"), key("e"), key("gone"), other.clone()];

    let mut absent = home.store.absent(&keys).await.unwrap();

    absent.sort();
    assert_eq!(absent, [other, key("e")]);
    assert_eq!(home.store.absent(&[]).await.unwrap(), []);
}
