//! How the leader corrects a snapshot and takes tombstones out of it.

use bus::{Build, PublishOutcome, Refusal};
use bytes::Bytes;
use shared::{ResourceKey, Sequence};
use testkit::builders::{envelope, key};

use super::{
    rebuild::document,
    subject::{Subject, begin_at, change},
};

const TERM: u64 = 1;

async fn mend(
    bus: &Subject,
    term: u64,
    documents: &[(ResourceKey, Bytes)],
) -> Result<u64, Refusal> {
    let build = bus.meta().await.build;
    let mended = bus.publisher.mend(term, build, documents).await;
    mended.expect("the bus answers")
}

async fn purge(bus: &Subject, term: u64, id: &str, sequence: u64) -> Result<u64, Refusal> {
    let build = bus.meta().await.build;
    let tombstone = [(key(id), Sequence(sequence))];
    let purged = bus.publisher.purge(term, build, &tombstone).await;
    purged.expect("the bus answers")
}

/// A complete snapshot at 10 whose only document is the tombstone of `a`, at 4.
async fn with_tombstone(bus: &Subject) -> Build {
    let begin = begin_at(10);
    bus.begin(&begin).await;
    let frame = envelope().key("a").sequence(4).delete().encode();
    let stored = bus.chunk(begin.build, 0, &[(key("a"), frame)]).await;
    assert_eq!(stored, Ok(()));
    bus.finish(begin.build, 1).await;
    begin.build
}

pub(crate) async fn mend_corrects_missing_older_and_damaged_documents(bus: Subject) {
    bus.complete_at(10).await;
    assert_eq!(mend(&bus, TERM, &[document(3, "a")]).await, Ok(1));
    assert_eq!(bus.held_sequence("a").await, Some(3));
    assert_eq!(mend(&bus, TERM, &[document(4, "a")]).await, Ok(1));
    assert_eq!(bus.held_sequence("a").await, Some(4));

    let other = envelope().key("a").sequence(4).put(b"as it should be");
    assert_eq!(mend(&bus, TERM, &[(key("a"), other.encode())]).await, Ok(1));
    assert_eq!(bus.held("a").await, Some(other.build()));
}

pub(crate) async fn mend_keeps_newer_documents_and_counts_what_it_stored(bus: Subject) {
    let build = bus.complete_at(10).await;
    bus.publish(build, change(11, "a")).await;

    let documents = [document(10, "a"), document(9, "b"), document(8, "c")];
    assert_eq!(mend(&bus, TERM, &documents).await, Ok(2));
    assert_eq!(bus.held_sequence("a").await, Some(11));
    assert_eq!(mend(&bus, TERM, &documents).await, Ok(0));
    assert_eq!(bus.published_through().await, 11, "no slot was filled");
}

pub(crate) async fn leader_of_an_earlier_term_neither_mends_nor_purges(bus: Subject) {
    with_tombstone(&bus).await;
    // Its successor purges; the document that it read before must not come back.
    assert_eq!(purge(&bus, TERM + 1, "a", 4).await, Ok(1));
    assert_eq!(bus.meta().await.term, TERM + 1);

    assert_eq!(
        mend(&bus, TERM, &[document(3, "a")]).await,
        Err(Refusal::OldTerm)
    );
    assert_eq!(purge(&bus, TERM, "a", 4).await, Err(Refusal::OldTerm));
    assert_eq!(bus.held("a").await, None);
    assert_eq!(mend(&bus, TERM + 2, &[]).await, Ok(0));
    assert_eq!(bus.meta().await.term, TERM + 2);
}

pub(crate) async fn purge_removes_exactly_the_tombstone_named(bus: Subject) {
    with_tombstone(&bus).await;
    for other in [3, 5] {
        assert_eq!(purge(&bus, TERM, "a", other).await, Ok(0));
        assert_eq!(bus.held_sequence("a").await, Some(4));
    }
    assert_eq!(purge(&bus, TERM, "b", 4).await, Ok(0));
    assert_eq!(purge(&bus, TERM, "a", 4).await, Ok(1));
    assert_eq!(bus.held("a").await, None);
}

pub(crate) async fn purge_spares_what_the_log_still_holds(bus: Subject) {
    let build = with_tombstone(&bus).await;
    for (number, id) in [(11, "b"), (12, "c")] {
        bus.publish(build, change(number, id)).await;
    }
    assert_eq!(purge(&bus, TERM, "b", 11).await, Ok(0));
    assert_eq!(bus.held_sequence("b").await, Some(11));
}

pub(crate) async fn purge_spares_an_incomplete_snapshot(bus: Subject) {
    let begin = begin_at(10);
    bus.begin(&begin).await;
    let stored = bus.chunk(begin.build, 0, &[document(4, "a")]).await;
    assert_eq!(stored, Ok(()));

    assert_eq!(purge(&bus, TERM, "a", 4).await, Ok(0));
    assert_eq!(bus.held_sequence("a").await, Some(4));
}

pub(crate) async fn late_writer_cannot_resurrect_a_purged_tombstone(bus: Subject) {
    let build = with_tombstone(&bus).await;
    assert_eq!(purge(&bus, TERM, "a", 4).await, Ok(1));

    // Rendered before the deletion, published after it was purged.
    let outcome = bus.publish(build, change(3, "a")).await;

    assert_eq!(outcome, PublishOutcome::Duplicate);
    assert_eq!(bus.held("a").await, None);
}
