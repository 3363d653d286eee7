//! What is handed on after a commit.

use bytes::Bytes;
use shared::{Change, ContentCoding, Representation, Sequence, Version};
use writer::{commit::OUTBOX_BYTES_MAX, store::Store};

use super::{OPTIONS, Options, bench, count, queue};
use crate::store::fixture::{delete, foreign, key, put, tip};

#[tokio::test]
async fn committed_changes_are_handed_on_with_their_representations() {
    let mut bench = bench(OPTIONS).await;
    tokio::spawn(bench.commit_loop.run());
    let identity = Representation::of(ContentCoding::Identity, Bytes::from_static(b"{}"));

    let write = bench
        .committer
        .write(put("a", "{}"), vec![identity.clone()]);
    let created = *write.await.unwrap().committed().unwrap();
    let again = bench
        .committer
        .write(put("a", "{}"), vec![identity.clone()]);
    again.await.unwrap();
    let write = bench.committer.write(delete("a"), Vec::new());
    let deleted = *write.await.unwrap().committed().unwrap();

    let first = bench.committed.next().await.unwrap().changes;
    assert_eq!(first.len(), 1);
    assert_eq!(first[0].key, key("a"));
    assert_eq!(first[0].slot, created.slot);
    assert_eq!(first[0].version, Version(1));
    assert_eq!(first[0].updated_at, created.updated_at);
    assert_eq!(first[0].expires_at, None);
    assert_eq!(first[0].change, Change::Put(vec![identity]));
    // The write without a change handed nothing on.
    let second = bench.committed.next().await.unwrap().changes;
    assert_eq!(second.len(), 1);
    assert_eq!(second[0].slot, deleted.slot);
    assert_eq!(second[0].change, Change::Delete);
}

#[tokio::test]
async fn changes_of_a_batch_come_together_in_order() {
    let mut bench = bench(OPTIONS).await;
    for n in 0..5 {
        queue(&bench.committer, put(&n.to_string(), "{}")).await;
        queue(&bench.committer, delete(&format!("absent-{n}"))).await;
    }

    tokio::spawn(bench.commit_loop.run());

    let changes = bench.committed.next().await.unwrap().changes;
    let sequences = changes.iter().map(|change| change.slot.position.sequence);
    let expected = [1, 2, 3, 4, 5].map(Sequence);
    assert_eq!(sequences.collect::<Vec<_>>(), expected);
}

#[tokio::test]
async fn full_outbox_loses_changes_but_never_blocks_commits() {
    let options = Options {
        batches_max: 1,
        ..OPTIONS
    };
    let bench = bench(options).await;
    tokio::spawn(bench.commit_loop.run());
    for n in 0..4 {
        let write = bench.committer.write(put(&n.to_string(), "{}"), Vec::new());
        write.await.unwrap();
    }
    assert_eq!(count(&bench.committer.counters().dropped), 3);
    drop(bench.committed);
    let write = bench.committer.write(put("4", "{}"), Vec::new());
    write.await.unwrap();
    assert_eq!(count(&bench.committer.counters().dropped), 4);
    assert_eq!(bench.store.count().await.unwrap(), 5);
}

#[tokio::test]
async fn outbox_full_of_octets_loses_changes_until_some_are_published() {
    let mut bench = bench(OPTIONS).await;
    tokio::spawn(bench.commit_loop.run());
    let half = Bytes::from(vec![b'x'; OUTBOX_BYTES_MAX / 2]);
    let half = Representation::of(ContentCoding::Identity, half);
    let write = async |id: &str| {
        let write = bench.committer.write(put(id, "{}"), vec![half.clone()]);
        write.await.unwrap();
        count(&bench.committer.counters().dropped)
    };
    assert_eq!(write("a").await, 0);
    assert_eq!(write("b").await, 0);
    assert_eq!(write("c").await, 1);

    drop(bench.committed.next().await);

    assert_eq!(write("d").await, 1);
    assert_eq!(write("e").await, 2);
}

#[tokio::test]
async fn tip_follows_commits() {
    let bench = bench(OPTIONS).await;
    assert_eq!(bench.committer.tip(), None);
    let watching = bench.committer.watch_tip();
    tokio::spawn(bench.commit_loop.run());

    let write = bench.committer.write(put("a", "{}"), Vec::new());
    write.await.unwrap();

    let after = tip(&*bench.store).await;
    assert_eq!(bench.committer.tip(), Some(after));
    assert_eq!(*watching.borrow(), Some(after));
}

#[tokio::test]
async fn first_batch_begins_an_epoch_where_the_given_tip_is_unknown() {
    let probe = bench(OPTIONS).await;
    let strange = foreign(tip(&*probe.store).await);
    // Made later than the database, so that only a new epoch is above it.
    let known = shared::Position {
        epoch: shared::Epoch(strange.position.epoch.0 + 3_600_000_000),
        ..strange.position
    };
    let options = Options {
        known: Some(writer::store::Tip {
            position: known,
            ..strange
        }),
        ..OPTIONS
    };
    let bench = bench(options).await;
    assert_eq!(bench.committer.tip(), options.known);
    tokio::spawn(bench.commit_loop.run());

    let write = bench.committer.write(put("a", "{}"), Vec::new());
    let created = *write.await.unwrap().committed().unwrap();

    assert!(created.slot.position.epoch > known.epoch);
    assert_eq!(count(&bench.committer.counters().epochs), 1);
    let write = bench.committer.write(put("b", "{}"), Vec::new());
    write.await.unwrap();
    assert_eq!(count(&bench.committer.counters().epochs), 1);
}
