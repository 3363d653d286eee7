//! What the leader learns of a snapshot that it compares with the database.

use std::collections::HashSet;

use bus::{Held, Names, Refusal};
use bytes::Bytes;
use shared::{
    Position, ResourceKey, Sequence,
    codec::{FORMAT, Summary},
};
use testkit::builders::{EPOCH, envelope, key, link};

use super::subject::{BUCKETS, Subject, change, fresh_build};

const ALL: u64 = 1000;

async fn held(bus: &Subject, keys: &[ResourceKey]) -> Result<Vec<Held>, Refusal> {
    let build = bus.meta().await.build;
    let held = bus.publisher.held(build, keys).await;
    held.expect("the bus answers")
}

async fn names(bus: &Subject, bucket: u32, fields_max: u64) -> Result<Names, Refusal> {
    let build = bus.meta().await.build;
    let names = bus.publisher.names(build, bucket, fields_max).await;
    names.expect("the bus answers")
}

/// Puts octets into the snapshot that no release would.
async fn store(bus: &Subject, id: &str, octets: Bytes) {
    let build = bus.meta().await.build;
    let mended = bus.publisher.mend(1, build, &[(key(id), octets)]).await;
    assert_eq!(mended.expect("the bus answers"), Ok(1));
}

fn summary(sequence: u64, is_delete: bool) -> Held {
    Held::Envelope(Summary {
        position: Position::new(EPOCH, Sequence(sequence)),
        link: link(sequence),
        is_delete,
    })
}

pub(crate) async fn held_tells_what_lies_there_in_the_order_asked(bus: Subject) {
    let build = bus.complete_at(0).await;
    for (number, id) in [(1, "a"), (2, "b"), (3, "a")] {
        bus.publish(build, change(number, id)).await;
    }
    let gone = envelope().key("c").sequence(3).delete().encode();
    store(&bus, "c", gone).await;

    let keys = [key("c"), key("none"), key("b"), key("a")];
    let expected = [
        summary(3, true),
        Held::Nothing,
        summary(2, false),
        summary(3, false),
    ];
    assert_eq!(held(&bus, &keys).await, Ok(expected.to_vec()));
    assert_eq!(held(&bus, &[]).await, Ok(Vec::new()));
}

pub(crate) async fn held_tells_damage_and_newer_formats(bus: Subject) {
    bus.complete_at(0).await;
    let whole = envelope().key("a").sequence(4).put(b"whole").encode();
    let mut newer = whole.to_vec();
    newer[4] = FORMAT + 1;
    let mut other = whole.to_vec();
    other[20] ^= 1;
    store(&bus, "short", whole.slice(..whole.len() - 1)).await;
    store(&bus, "empty", Bytes::new()).await;
    store(&bus, "other", other.into()).await;
    store(&bus, "newer", newer.into()).await;

    let keys = ["short", "empty", "other", "newer"].map(key);
    let expected = [Held::Damaged, Held::Damaged, Held::Damaged, Held::Newer];
    assert_eq!(held(&bus, &keys).await, Ok(expected.to_vec()));
}

pub(crate) async fn held_tells_of_many_large_documents(bus: Subject) {
    bus.complete_at(0).await;
    let large = vec![b'x'; 1024 * 1024];
    let mut keys = Vec::new();
    for number in 1..=6 {
        let id = number.to_string();
        let frame = envelope().key(&id).sequence(number).put(&large);
        store(&bus, &id, frame.encode()).await;
        keys.push(key(&id));
    }
    keys.extend((7..=600).map(|number| key(&number.to_string())));

    let held = held(&bus, &keys).await.expect("it is complete");

    let sequences: Vec<_> = (1..=6).map(|number| summary(number, false)).collect();
    assert_eq!(held[..6], sequences);
    assert_eq!(held[6..], vec![Held::Nothing; 594]);
}

pub(crate) async fn names_are_those_of_every_document_once(bus: Subject) {
    let build = bus.complete_at(0).await;
    bus.publish_range(build, 1, 50).await;

    let mut all = Vec::new();
    for bucket in 0..BUCKETS {
        let names = names(&bus, bucket, ALL).await.expect("it is complete");
        assert_eq!(names.fields, names.keys.len() as u64);
        assert!(names.keys.iter().all(|key| key.bucket(BUCKETS) == bucket));
        all.extend(names.keys);
    }

    assert_eq!(all.len(), 50);
    let expected: HashSet<_> = (1..=50).map(|number| key(&number.to_string())).collect();
    assert_eq!(all.into_iter().collect::<HashSet<_>>(), expected);
}

pub(crate) async fn more_names_than_asked_for_are_counted_only(bus: Subject) {
    let build = bus.complete_at(0).await;
    bus.publish_range(build, 1, 50).await;
    let fields = names(&bus, 0, ALL).await.expect("it is complete").fields;
    assert!(fields > 1, "50 documents in {BUCKETS} buckets");

    let counted = names(&bus, 0, fields - 1).await.expect("it is complete");

    assert_eq!((counted.fields, counted.keys.len()), (fields, 0));
    let told = names(&bus, 0, fields).await.expect("it is complete");
    assert_eq!(told.keys.len() as u64, fields);
}

pub(crate) async fn lost_bucket_refuses_comparison_and_clears_complete(bus: Subject) {
    let lost = key("a").bucket(BUCKETS);
    for by_name in [true, false] {
        let build = bus.complete_at(0).await;
        bus.faults.lose_bucket(build, lost).await;
        assert!(bus.meta().await.complete, "nobody has noticed");

        let refused = if by_name {
            names(&bus, lost, ALL).await.map(drop)
        } else {
            held(&bus, &[key("a")]).await.map(drop)
        };

        assert_eq!(refused, Err(Refusal::BucketLost));
        assert!(!bus.meta().await.complete);
    }
}

pub(crate) async fn other_build_and_empty_bus_refuse_comparison(bus: Subject) {
    let build = bus.complete_at(0).await;
    for (asked, refusal) in [
        (fresh_build(), Refusal::OtherBuild),
        (build, Refusal::NoMeta),
    ] {
        if refusal == Refusal::NoMeta {
            bus.faults.lose_everything().await;
        }
        let held = bus.publisher.held(asked, &[key("a")]).await;
        assert_eq!(held.expect("the bus answers"), Err(refusal));
        let names = bus.publisher.names(asked, 0, ALL).await;
        assert_eq!(names.expect("the bus answers"), Err(refusal));
    }
}
