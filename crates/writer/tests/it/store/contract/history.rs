//! Epochs and terms.

use shared::{Epoch, Link, Position, Sequence, limits::NUMBER_MAX};
use writer::store::{EPOCH_SEEN_MAX, Store, Tip};

use crate::store::fixture::{Home, ahead, change, foreign, put, tip};

/// Two changes, and the tips after each.
async fn two_changes(store: &dyn Store) -> [Tip; 2] {
    change(store, put("a", "{}")).await;
    let first = tip(store).await;
    change(store, put("b", "{}")).await;
    [first, tip(store).await]
}

/// Confirms `known` and expects a new epoch that goes on from `before`.
async fn expect_new_epoch(store: &dyn Store, known: Tip, before: Tip) -> Tip {
    let after = store.confirm(known).await.unwrap();
    assert!(after.position.epoch > before.position.epoch);
    assert!(after.position.epoch > known.position.epoch);
    assert_eq!(after.position.sequence, before.position.sequence);
    assert_eq!(after.link, before.link);
    assert_eq!(tip(store).await, after);
    after
}

async fn expect_no_new_epoch(store: &dyn Store, known: Tip) {
    let before = tip(store).await;
    assert_eq!(store.confirm(known).await.unwrap(), before);
    assert_eq!(tip(store).await, before);
}

pub(crate) async fn first_epoch_is_the_time_of_its_making(home: &Home) {
    let feed = home.store.feed().await.unwrap();
    let age = u64::try_from(feed.now.0).unwrap() - feed.tip.position.epoch.0;
    assert!(age < 600_000_000, "{age} microseconds");
    assert_eq!(feed.tip.position.sequence, Sequence::ZERO);
    assert_eq!(feed.tip.link, Link::ZERO);
}

pub(crate) async fn known_tip_that_stands_changes_nothing(home: &Home) {
    let empty = tip(&*home.store).await;
    expect_no_new_epoch(&*home.store, empty).await;
    let [first, second] = two_changes(&*home.store).await;
    for known in [empty, first, second] {
        expect_no_new_epoch(&*home.store, known).await;
    }
}

pub(crate) async fn foreign_link_at_the_head_begins_an_epoch(home: &Home) {
    let [_, head] = two_changes(&*home.store).await;
    expect_new_epoch(&*home.store, foreign(head), head).await;
}

pub(crate) async fn foreign_link_below_the_head_begins_an_epoch(home: &Home) {
    let empty = tip(&*home.store).await;
    let [first, head] = two_changes(&*home.store).await;
    let begun = expect_new_epoch(&*home.store, foreign(first), head).await;
    // Before the first change there is a link too.
    let epoch = begun.position.epoch;
    let stranger = Tip {
        position: Position::new(epoch, Sequence::ZERO),
        link: foreign(empty).link,
    };
    expect_new_epoch(&*home.store, stranger, begun).await;
}

pub(crate) async fn head_behind_the_known_tip_begins_an_epoch(home: &Home) {
    let [_, head] = two_changes(&*home.store).await;
    expect_new_epoch(&*home.store, ahead(head, 1), head).await;
}

pub(crate) async fn known_tip_of_a_later_epoch_is_surpassed(home: &Home) {
    let [_, head] = two_changes(&*home.store).await;
    // Ten years ahead of the clock.
    let later = Epoch(head.position.epoch.0 + 315_360_000_000_000);
    let known = Tip {
        position: Position::new(later, Sequence(1)),
        link: head.link,
    };
    let begun = expect_new_epoch(&*home.store, known, head).await;
    assert_eq!(begun.position.epoch, Epoch(later.0 + 1));
}

pub(crate) async fn epoch_that_nobody_can_have_seen_is_not_believed(home: &Home) {
    let [_, head] = two_changes(&*home.store).await;
    for impossible in [EPOCH_SEEN_MAX + 1, NUMBER_MAX - 1, NUMBER_MAX, u64::MAX] {
        let known = Tip {
            position: Position::new(Epoch(impossible), Sequence(1)),
            link: head.link,
        };
        expect_no_new_epoch(&*home.store, known).await;
    }
    // The highest one that is believed leaves room for those that follow it.
    let known = Tip {
        position: Position::new(Epoch(EPOCH_SEEN_MAX), Sequence(1)),
        link: head.link,
    };
    let mut begun = expect_new_epoch(&*home.store, known, head).await;
    for _ in 0..3 {
        begun = expect_new_epoch(&*home.store, foreign(begun), begun).await;
    }
    assert!(begun.position.epoch.0 <= NUMBER_MAX);
}

pub(crate) async fn known_tip_of_an_ended_epoch_is_ignored(home: &Home) {
    let [_, head] = two_changes(&*home.store).await;
    home.store.begin_epoch().await.unwrap();
    expect_no_new_epoch(&*home.store, foreign(head)).await;
}

pub(crate) async fn pruned_link_cannot_be_judged(home: &Home) {
    let [first, head] = two_changes(&*home.store).await;
    change(&*home.store, put("c", "{}")).await;
    home.store.prune(head.position.sequence, 10).await.unwrap();
    // The change after it still names it.
    let before = tip(&*home.store).await;
    let begun = expect_new_epoch(&*home.store, foreign(first), before).await;
    home.store
        .prune(before.position.sequence, 10)
        .await
        .unwrap();
    let known = Tip {
        position: Position::new(begun.position.epoch, first.position.sequence),
        link: foreign(first).link,
    };
    expect_no_new_epoch(&*home.store, known).await;
}

pub(crate) async fn batch_on_a_broken_history_belongs_to_the_new_epoch(home: &Home) {
    let [_, head] = two_changes(&*home.store).await;

    let mutations = [put("c", "{}"), put("a", "{}")];
    let known = Some(foreign(head));
    let batch = home.store.commit(known, &mutations).await.unwrap();

    assert!(batch.began_epoch);
    assert!(batch.tip.position.epoch > head.position.epoch);
    let created = batch.outcomes[0].committed().expect("c was created");
    assert_eq!(created.slot.position, batch.tip.position);
    assert_eq!(created.slot.position.sequence, Sequence(3));
    assert_eq!(created.slot.prev_link, head.link);
    assert_eq!(tip(&*home.store).await, batch.tip);
    let again = home
        .store
        .commit(Some(batch.tip), &mutations)
        .await
        .unwrap();
    assert!(!again.began_epoch);
}

pub(crate) async fn epoch_begun_by_hand_rises(home: &Home) {
    let [_, head] = two_changes(&*home.store).await;
    let now = home.store.feed().await.unwrap().now;

    let first = home.store.begin_epoch().await.unwrap();
    let second = home.store.begin_epoch().await.unwrap();

    assert!(first.position.epoch > head.position.epoch);
    assert!(first.position.epoch.0 >= u64::try_from(now.0).unwrap());
    assert!(second.position.epoch > first.position.epoch);
    assert_eq!(second.position.sequence, head.position.sequence);
    assert_eq!(tip(&*home.store).await, second);
}

pub(crate) async fn terms_rise_and_leases_beat(home: &Home) {
    let mut terms = Vec::new();
    for n in 1..=3 {
        let committed = change(&*home.store, put("a", &format!("[{n}]"))).await;
        let lead = || async { home.store.lead().await.unwrap() };
        // The lease before is being taken back.
        let mut lease = testkit::eventually("the leadership", lead).await;
        let feed = lease.beat().await.unwrap();
        terms.push(lease.term());
        assert_eq!(feed.tip.position, committed.slot.position);
        assert_eq!(feed.tip.link, committed.slot.link);
        assert!(feed.now >= committed.updated_at);
    }
    assert_eq!(terms, [1, 2, 3]);
}
