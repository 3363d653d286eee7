//! Sequence order is commit order.

use std::sync::Arc;

use shared::{Link, Sequence};
use tokio::task::JoinSet;
use writer::store::Batch;

use crate::store::fixture::{Home, change, commit, delete, put, tip};

const COMMITTERS: usize = 12;
const BATCHES: usize = 8;
const CHANGES: u64 = 2 * (COMMITTERS * BATCHES) as u64;

/// Many tasks, through both handles, two changes a batch; some batches change nothing at all.
fn commit_from_everywhere(home: &Home) -> JoinSet<Vec<Batch>> {
    let mut committers = JoinSet::new();
    for committer in 0..COMMITTERS {
        let handle = if committer % 2 == 0 {
            &home.store
        } else {
            &home.other
        };
        let store = Arc::clone(handle);
        committers.spawn(async move {
            let mut batches = Vec::new();
            for number in 0..BATCHES {
                let body = format!("[{committer},{number}]");
                let own = put(&format!("own-{committer}"), &body);
                let batch = [put("contended", &body), delete("nothing"), own];
                batches.push(commit(&*store, &batch).await);
                commit(&*store, &[delete("nothing")]).await;
            }
            batches
        });
    }
    committers
}

pub(crate) async fn sequences_are_gapless_in_commit_order(home: &Home) {
    let batches: Vec<Batch> = commit_from_everywhere(home).join_all().await.concat();

    let mut sequences: Vec<u64> = batches
        .iter()
        .flat_map(|batch| &batch.outcomes)
        .filter_map(|outcome| outcome.committed())
        .map(|committed| committed.slot.position.sequence.0)
        .collect();
    sequences.sort_unstable();
    assert_eq!(sequences, (1..=CHANGES).collect::<Vec<_>>());
    assert_eq!(tip(&*home.store).await.position.sequence, Sequence(CHANGES));
}

pub(crate) async fn follower_of_the_log_never_meets_a_hole(home: &Home) {
    let mut committers = commit_from_everywhere(home);
    let (mut after, mut link) = (Sequence::ZERO, Link::ZERO);
    while after < Sequence(CHANGES) {
        if let Some(ended) = committers.try_join_next() {
            ended.unwrap();
        }
        let page = home.other.changes(after, 7).await.unwrap();
        assert!(page.feed.tip.position.sequence >= after);
        for change in page.changes {
            assert_eq!(change.slot.position.sequence, after.next());
            assert_eq!(change.slot.prev_link, link);
            assert!(change.document.slot.position >= change.slot.position);
            (after, link) = (change.slot.position.sequence, change.slot.link);
        }
    }
    committers.join_all().await;
    assert_eq!(tip(&*home.store).await.link, link);
}

pub(crate) async fn links_chain_through_and_across_batches(home: &Home) {
    let first = commit(&*home.store, &[put("a", "{}"), put("b", "{}")]).await;
    let second = change(&*home.other, put("c", "{}")).await;

    let [a, b] = [0, 1].map(|n| first.outcomes[n].committed().expect("created").slot);
    assert_eq!(a.prev_link, Link::ZERO);
    assert_eq!(b.prev_link, a.link);
    assert_eq!(first.tip.link, b.link);
    assert_eq!(second.slot.prev_link, b.link);
    assert_ne!(a.link, b.link);
    assert_ne!(a.link, Link::ZERO);
    let page = home.store.changes(Sequence::ZERO, 10).await.unwrap();
    let slots: Vec<_> = page.changes.iter().map(|change| change.slot).collect();
    assert_eq!(slots, [a, b, second.slot]);
}

pub(crate) async fn batch_without_changes_leaves_the_head(home: &Home) {
    change(&*home.store, put("a", "{}")).await;
    let before = tip(&*home.store).await;

    let batch = commit(&*home.store, &[put("a", "{}"), delete("b")]).await;
    let empty = commit(&*home.store, &[]).await;

    assert_eq!(batch.tip, before);
    assert_eq!(empty.tip, before);
    assert_eq!(tip(&*home.store).await, before);
    let page = home.store.changes(Sequence::ZERO, 10).await.unwrap();
    assert_eq!(page.changes.len(), 1);
}
