//! How a snapshot is rebuilt, and what exposes a rebuild that lost something.

use bus::{BucketRead, BusError, PublishOutcome, Refusal, limits::BUCKETS_MAX};
use bytes::Bytes;
use shared::{ResourceKey, Sequence};
use testkit::builders::{envelope, key, link, slot};

use super::subject::{
    BUCKETS, Subject, begin_at, change, fresh_build, other_epoch, publication, published,
};

/// A document of a chunk: sequence `number` of `posts/<id>`.
pub(crate) fn document(number: u64, id: &str) -> (ResourceKey, Bytes) {
    let frame = envelope()
        .key(id)
        .sequence(number)
        .put(id.as_bytes())
        .encode();
    (key(id), frame)
}

pub(crate) async fn begin_starts_an_incomplete_empty_snapshot(bus: Subject) {
    let begin = begin_at(7);
    bus.begin(&begin).await;

    let meta = bus.meta().await;
    assert_eq!((meta.epoch, meta.term), (begin.epoch, begin.term));
    assert_eq!((meta.build, meta.buckets), (begin.build, BUCKETS));
    assert_eq!((meta.built, meta.complete), (0, false));
    assert_eq!(
        (meta.published_through, meta.log_from),
        (Sequence(7), Sequence(7))
    );
    assert_eq!(meta.tip, link(7));
    let empty = BucketRead::Intact {
        envelopes: Vec::new(),
        undecodable: 0,
    };
    let mut snapshot = bus.follower.snapshot().await.expect("the bus answers");
    let buckets = snapshot.buckets(begin.build, &[0, 1, 2, 3]).await;
    assert_eq!(buckets.expect("the bus answers"), vec![empty; 4]);
}

pub(crate) async fn rebuild_in_turn_completes(bus: Subject) {
    let begin = begin_at(9);
    bus.begin(&begin).await;
    for (index, id) in (0..).zip(["a", "b", "c"]) {
        let stored = bus
            .chunk(begin.build, index, &[document(index + 1, id)])
            .await;
        assert_eq!(stored, Ok(()));
    }
    assert_eq!(bus.meta().await.built, 3);
    bus.finish(begin.build, 3).await;
    assert!(bus.meta().await.complete);
    assert_eq!(bus.held_sequence("b").await, Some(2));
}

pub(crate) async fn lower_term_is_refused(bus: Subject) {
    let mut begin = begin_at(1);
    begin.term = 10;
    bus.begin(&begin).await;
    let before = bus.meta().await;

    // By digits, 9 comes after 10.
    let mut late = begin_at(2);
    late.term = 9;
    let begun = bus.publisher.begin(&late).await.expect("the bus answers");

    assert_eq!(begun, Err(Refusal::OldTerm));
    assert_eq!(bus.meta().await, before);
}

pub(crate) async fn lower_epoch_is_refused(bus: Subject) {
    bus.complete_at(1).await;
    let before = bus.meta().await;

    let mut late = begin_at(2);
    late.epoch = other_epoch(-1);
    let begun = bus.publisher.begin(&late).await.expect("the bus answers");

    assert_eq!(begun, Err(Refusal::OtherEpoch));
    assert_eq!(bus.meta().await, before);
}

pub(crate) async fn higher_epoch_takes_over(bus: Subject) {
    bus.complete_at(500).await;
    let mut begin = begin_at(3);
    begin.epoch = other_epoch(1);
    bus.begin(&begin).await;

    let meta = bus.meta().await;
    assert_eq!(meta.epoch, begin.epoch);
    assert_eq!(meta.published_through, Sequence(3), "a new number line");
}

pub(crate) async fn same_term_starts_over_and_drops_the_earlier_build(bus: Subject) {
    let first = begin_at(5);
    bus.begin(&first).await;
    let stored = bus.chunk(first.build, 0, &[document(1, "a")]).await;
    assert_eq!(stored, Ok(()));
    bus.publish(first.build, change(6, "b")).await;
    bus.publish(first.build, change(8, "c")).await;

    let mut second = begin_at(5);
    second.buckets = BUCKETS / 2;
    bus.begin(&second).await;

    let refused = Err(Refusal::OtherBuild);
    let late_chunk = bus.chunk(first.build, 1, &[document(1, "a")]).await;
    assert_eq!(late_chunk, refused);
    let late_finish = bus.publisher.finish(first.build, 1).await;
    assert_eq!(late_finish.expect("the bus answers"), refused);
    let late = bus.publish(first.build, change(7, "d")).await;
    assert_eq!(late, PublishOutcome::Refused(Refusal::OtherBuild));
    assert_eq!(bus.held("a").await, None);
    // What had waited for its turn in the earlier build waits no longer.
    assert_eq!(
        bus.publish(second.build, change(6, "b")).await,
        published(6)
    );
    assert_eq!(
        bus.publish(second.build, change(7, "d")).await,
        published(7)
    );
}

pub(crate) async fn chunk_out_of_turn_is_refused(bus: Subject) {
    let begin = begin_at(9);
    bus.begin(&begin).await;
    let early = bus.chunk(begin.build, 1, &[document(1, "a")]).await;
    assert_eq!(early, Err(Refusal::ChunkLost));
    assert_eq!(bus.held("a").await, None);

    let first = bus.chunk(begin.build, 0, &[document(1, "a")]).await;
    assert_eq!(first, Ok(()));
    let again = bus.chunk(begin.build, 0, &[document(1, "a")]).await;
    assert_eq!(again, Err(Refusal::ChunkLost));
}

pub(crate) async fn finish_exposes_a_lost_chunk(bus: Subject) {
    let begin = begin_at(9);
    bus.begin(&begin).await;
    let stored = bus.chunk(begin.build, 0, &[document(1, "a")]).await;
    assert_eq!(stored, Ok(()));

    let finished = bus.publisher.finish(begin.build, 2).await;

    assert_eq!(finished.expect("the bus answers"), Err(Refusal::ChunkLost));
    assert!(!bus.meta().await.complete);
}

pub(crate) async fn chunk_into_a_lost_bucket_is_refused(bus: Subject) {
    let begin = begin_at(9);
    bus.begin(&begin).await;
    bus.faults
        .lose_bucket(begin.build, key("a").bucket(BUCKETS))
        .await;
    let mut ids = (0..).map(|number: u32| number.to_string());
    let elsewhere = ids.find(|id| key(id).bucket(BUCKETS) != key("a").bucket(BUCKETS));
    let elsewhere = elsewhere.expect("four buckets");

    let documents = [document(1, &elsewhere), document(2, "a")];
    let stored = bus.chunk(begin.build, 0, &documents).await;

    assert_eq!(stored, Err(Refusal::BucketLost));
    assert_eq!(bus.held(&elsewhere).await, None, "nothing of it is stored");
    assert_eq!(bus.meta().await.built, 0);
}

pub(crate) async fn empty_bus_refuses_chunk_and_finish(bus: Subject) {
    let build = fresh_build();
    let stored = bus.chunk(build, 0, &[document(1, "a")]).await;
    assert_eq!(stored, Err(Refusal::NoMeta));
    let finished = bus.publisher.finish(build, 0).await;
    assert_eq!(finished.expect("the bus answers"), Err(Refusal::NoMeta));
}

pub(crate) async fn sequences_are_compared_in_all_their_bits(bus: Subject) {
    let begin = begin_at(1 << 40);
    bus.begin(&begin).await;
    let newer = (1 << 32) + 1;
    for (index, sequence) in (0..).zip([2, newer, (1 << 32) - 1, (1 << 32) | 1]) {
        let stored = bus
            .chunk(begin.build, index, &[document(sequence, "a")])
            .await;
        assert_eq!(stored, Ok(()));
    }
    assert_eq!(bus.held_sequence("a").await, Some(newer));
}

pub(crate) async fn live_publishing_during_a_rebuild_stays(bus: Subject) {
    let begin = begin_at(5);
    bus.begin(&begin).await;
    let live = envelope().key("a").sequence(6).put(b"live");
    let outcome = bus.publish(begin.build, publication(slot(6), &live)).await;
    assert_eq!(outcome, published(6));

    // Read from the database before that change, stored after it.
    let chunk = [document(4, "a"), document(5, "b")];
    let stored = bus.chunk(begin.build, 0, &chunk).await;
    assert_eq!(stored, Ok(()));
    bus.finish(begin.build, 1).await;

    assert_eq!(bus.held("a").await, Some(live.build()));
    assert_eq!(bus.held_sequence("b").await, Some(5));
    assert_eq!(bus.published_through().await, 6);
}

pub(crate) async fn bucket_counts_beyond_their_limits_are_refused(bus: Subject) {
    for buckets in [0, 3, BUCKETS_MAX * 2] {
        let mut begin = begin_at(1);
        begin.buckets = buckets;
        let begun = bus.publisher.begin(&begin).await;
        assert!(matches!(begun, Err(BusError::Unsuitable(_))), "{begun:?}");
    }
}

/// Not part of the list that runs on a shared server: it holds the server up.
pub(crate) async fn fewest_and_most_buckets_are_usable(bus: Subject) {
    for buckets in [1, BUCKETS_MAX] {
        let mut begin = begin_at(1);
        begin.buckets = buckets;
        bus.begin(&begin).await;
        assert_eq!(bus.publish(begin.build, change(2, "a")).await, published(2));
        bus.finish(begin.build, 0).await;
        let last = bus.follower.report_lost(begin.build, buckets - 1).await;
        last.expect("the bus answers");
        assert!(bus.meta().await.complete, "the last bucket is marked");
        assert_eq!(bus.held_sequence("a").await, Some(2));
    }
}
