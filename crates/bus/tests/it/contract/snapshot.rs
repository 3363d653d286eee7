//! How followers read the snapshot.

use std::collections::{BTreeMap, BTreeSet};

use bus::{Begin, BucketRead, Build, Lookup};
use testkit::builders::{envelope, key, slot};
use tokio::sync::mpsc;

use super::subject::{BUCKETS, Subject, begin_at, change, fresh_build, next_delivery, publication};

/// The snapshot's documents, by key, with their sequences.
async fn read_all(bus: &Subject) -> BTreeMap<String, u64> {
    let mut snapshot = bus.follower.snapshot().await.expect("the bus answers");
    let meta = snapshot.meta().await.expect("the bus answers");
    let meta = meta.expect("the bus holds meta");
    let indexes: Vec<u32> = (0..meta.buckets).collect();
    let buckets = snapshot.buckets(meta.build, &indexes).await;
    let mut documents = BTreeMap::new();
    for (index, bucket) in (0..).zip(buckets.expect("the bus answers")) {
        let BucketRead::Intact {
            envelopes,
            undecodable,
        } = bucket
        else {
            panic!("bucket {index} is lost");
        };
        assert_eq!(undecodable, 0);
        for envelope in envelopes {
            assert_eq!(envelope.key.bucket(meta.buckets), index);
            let key = envelope.key.to_string();
            let earlier = documents.insert(key, envelope.position.sequence.0);
            assert_eq!(earlier, None, "each document once");
        }
    }
    documents
}

pub(crate) async fn snapshot_holds_every_document_once(bus: Subject) {
    let build = bus.complete_at(0).await;
    bus.publish_range(build, 1, 100).await;
    bus.publish(build, change(101, "1")).await;

    let mut expected: BTreeMap<String, u64> = (1..=100)
        .map(|number| (format!("posts/{number}"), number))
        .collect();
    expected.insert("posts/1".to_owned(), 101);
    assert_eq!(read_all(&bus).await, expected);
}

pub(crate) async fn many_buckets_are_read_in_the_order_asked(bus: Subject) {
    let begin = Begin {
        buckets: 64,
        ..begin_at(0)
    };
    bus.begin(&begin).await;
    bus.finish(begin.build, 0).await;
    bus.publish_range(begin.build, 1, 1000).await;
    let indexes: Vec<u32> = (0..64).map(|index| index * 37 % 64).collect();

    // Room for one only: the reading waits for whoever takes the buckets.
    let (sink, mut read) = mpsc::channel(1);
    let mut snapshot = bus.follower.snapshot().await.expect("the bus answers");
    let reading = snapshot.each_bucket(begin.build, indexes.clone(), sink);
    let taking = async {
        let mut documents = 0;
        for index in &indexes {
            let Some(BucketRead::Intact { envelopes, .. }) = read.recv().await else {
                panic!("bucket {index} is there");
            };
            assert!(envelopes.iter().all(|one| one.key.bucket(64) == *index));
            documents += envelopes.len();
        }
        documents
    };
    let (done, documents) = tokio::join!(reading, taking);
    done.expect("the bus answers");
    assert_eq!(documents, 1000);

    // The same connection goes on.
    let meta = snapshot.meta().await.expect("the bus answers");
    assert_eq!(meta.expect("the bus holds meta").build, begin.build);
}

pub(crate) async fn large_bucket_is_read_twice_over_one_connection(bus: Subject) {
    let build = large_bucket(&bus).await;
    let mut snapshot = bus.follower.snapshot().await.expect("the bus answers");
    let twice = snapshot.buckets(build, &[0, 0]).await;
    for bucket in twice.expect("the bus answers") {
        let BucketRead::Intact { envelopes, .. } = bucket else {
            panic!("the bucket is there");
        };
        let keys: BTreeSet<_> = envelopes.into_iter().map(|one| one.key).collect();
        assert_eq!(keys.len(), 64);
    }
}

/// One bucket of 64 documents of 32 KiB each.
pub(crate) async fn large_bucket(bus: &Subject) -> Build {
    let begin = Begin {
        buckets: 1,
        ..begin_at(0)
    };
    bus.begin(&begin).await;
    bus.finish(begin.build, 0).await;
    let body = vec![b'x'; 32 * 1024];
    for number in 1..=64 {
        let id = number.to_string();
        let large = envelope().key(&id).sequence(number).put(&body);
        bus.publish(begin.build, publication(slot(number), &large))
            .await;
    }
    begin.build
}

pub(crate) async fn lost_bucket_reads_as_lost(bus: Subject) {
    let build = bus.complete_at(0).await;
    bus.faults.lose_bucket(build, 2).await;
    let mut snapshot = bus.follower.snapshot().await.expect("the bus answers");
    let buckets = snapshot
        .buckets(build, &[3, 2])
        .await
        .expect("the bus answers");
    assert_ne!(buckets[0], BucketRead::Lost);
    assert_eq!(buckets[1], BucketRead::Lost);
}

pub(crate) async fn bucket_of_an_earlier_build_reads_as_lost(bus: Subject) {
    let build = bus.complete_at(0).await;
    bus.publish_range(build, 1, 20).await;
    let mut snapshot = bus.follower.snapshot().await.expect("the bus answers");
    bus.begin(&begin_at(20)).await;
    let buckets = snapshot.buckets(build, &[0, 1, 2, 3]).await;
    assert_eq!(buckets.expect("the bus answers"), vec![BucketRead::Lost; 4]);
}

pub(crate) async fn reported_bucket_clears_complete_only_if_lost(bus: Subject) {
    let build = bus.complete_at(0).await;
    let report = async |build, bucket| {
        let reported = bus.follower.report_lost(build, bucket).await;
        reported.expect("the bus answers");
        bus.meta().await.complete
    };
    assert!(report(build, 1).await, "the bucket is there");
    assert!(report(build, BUCKETS).await, "there is no such bucket");
    assert!(report(fresh_build(), 1).await, "another build");
    bus.faults.lose_bucket(build, 1).await;
    assert!(report(build, 2).await, "another bucket");
    assert!(!report(build, 1).await);
}

pub(crate) async fn subscribe_before_snapshot_loses_nothing(bus: Subject) {
    let build = bus.complete_at(0).await;
    bus.publish_range(build, 1, 50).await;
    let mut feed = bus.subscribe().await;
    let publish = async {
        for number in 51..=150 {
            bus.publish(build, change(number, &number.to_string()))
                .await;
        }
    };
    let ((), mut documents) = tokio::join!(publish, read_all(&bus));

    for expected in 51..=150 {
        let (slot, envelope) = next_delivery(&mut feed).await;
        assert_eq!(slot.position.sequence.0, expected);
        documents.insert(envelope.key.to_string(), envelope.position.sequence.0);
    }
    assert_eq!(documents.len(), 150);
}

pub(crate) async fn lookup_gives_document_and_meta(bus: Subject) {
    let nothing = Lookup {
        meta: None,
        is_intact: false,
        envelope: None,
    };
    let lookup = bus.follower.lookup(&key("a")).await;
    assert_eq!(lookup.expect("the bus answers"), nothing);

    let build = bus.complete_at(0).await;
    bus.publish(build, change(1, "a")).await;
    let lookup = bus.follower.lookup(&key("a")).await;
    let expected = Lookup {
        meta: Some(bus.meta().await),
        is_intact: true,
        envelope: Some(envelope().key("a").sequence(1).put(b"a").build()),
    };
    assert_eq!(lookup.expect("the bus answers"), expected);
}

pub(crate) async fn lookup_tells_a_lost_bucket_from_an_absent_document(bus: Subject) {
    let build = bus.complete_at(0).await;
    let absent = bus
        .follower
        .lookup(&key("a"))
        .await
        .expect("the bus answers");
    assert!(absent.is_intact && absent.envelope.is_none());

    bus.faults
        .lose_bucket(build, key("a").bucket(BUCKETS))
        .await;
    let lost = bus
        .follower
        .lookup(&key("a"))
        .await
        .expect("the bus answers");
    assert!(!lost.is_intact && lost.envelope.is_none());
}

pub(crate) async fn lookup_follows_a_rebuild(bus: Subject) {
    let build = bus.complete_at(0).await;
    bus.publish(build, change(1, "a")).await;
    assert_eq!(bus.held_sequence("a").await, Some(1));

    let mut begin = begin_at(1);
    begin.buckets = BUCKETS * 8;
    bus.begin(&begin).await;
    assert_eq!(bus.held("a").await, None);
    bus.publish(begin.build, change(2, "a")).await;
    assert_eq!(bus.held_sequence("a").await, Some(2));
}
