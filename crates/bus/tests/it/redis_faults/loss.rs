//! Keys lost, damaged, or of a wrong type.

use bus::{BucketRead, BusError, FeedEvent, Names, PublishOutcome, Refusal};
use shared::codec::encode;
use testkit::{
    builders::{key, slot},
    redis::RedisServer,
};
use tokio::sync::mpsc;

use super::{bucket_of, open};
use crate::contract::{
    snapshot::large_bucket,
    subject::{BUCKETS, change, next_delivery, next_event, published},
};

#[tokio::test]
async fn flushed_server_refuses_until_rebuilt() {
    let server = RedisServer::start().await;
    let bus = open(&server);
    let build = bus.complete_at(0).await;
    bus.publish(build, change(1, "a")).await;

    let () = server.command(&["FLUSHALL"]).await;

    let refused = PublishOutcome::Refused(Refusal::NoMeta);
    assert_eq!(bus.publish(build, change(2, "b")).await, refused);
    assert_eq!(bus.publisher.meta().await.expect("Redis answers"), None);
    let size: u64 = server.command(&["DBSIZE"]).await;
    assert_eq!(size, 0, "refused publications leave nothing");
    let build = bus.complete_at(1).await;
    assert_eq!(bus.publish(build, change(2, "b")).await, published(2));
}

#[tokio::test]
async fn flushed_scripts_are_sent_again() {
    let server = RedisServer::start().await;
    let bus = open(&server);
    let build = bus.complete_at(0).await;
    bus.publish_range(build, 1, 10).await;

    let () = server.command(&["SCRIPT", "FLUSH"]).await;

    let publications: Vec<_> = (11..=20).map(|number| change(number, "a")).collect();
    let expected: Vec<_> = (11..=20).map(published).collect();
    assert_eq!(bus.publish_all(build, &publications).await, expected);
}

#[tokio::test]
async fn key_of_a_wrong_type_fails_a_publication_before_anything_changes() {
    let server = RedisServer::start().await;
    let bus = open(&server);
    let build = bus.complete_at(0).await;
    let mut feed = bus.subscribe().await;
    let build_name = format!("{:016x}", build.0);
    let bucket = bucket_of(build, "a");
    for name in [
        &bucket,
        &format!("{{pressrun}}:log:{build_name}:0"),
        &format!("{{pressrun}}:pending:{build_name}"),
    ] {
        let before = bus.meta().await;
        // Whether it was there or not: it is of another type now.
        let backup = format!("{name}:backup");
        let existed: u64 = server.command(&["EXISTS", name]).await;
        if existed == 1 {
            let () = server.command(&["RENAME", name, &backup]).await;
        }
        let () = server.command(&["SET", name, "of another type"]).await;

        let outcome = bus.publisher.publish(build, &[change(1, "a")]).await;

        assert!(
            matches!(outcome, Err(BusError::Redis { .. })),
            "{outcome:?}"
        );
        assert_eq!(bus.meta().await, before);
        let () = server.command(&["DEL", name]).await;
        if existed == 1 {
            let () = server.command(&["RENAME", &backup, name]).await;
        }
        assert_eq!(bus.held("a").await, None);
    }
    assert_eq!(bus.publish(build, change(1, "a")).await, published(1));
    assert_eq!(
        next_delivery(&mut feed).await.0,
        slot(1),
        "nothing came before"
    );
}

#[tokio::test]
async fn meta_that_nobody_writes_is_an_error_not_an_empty_bus() {
    let server = RedisServer::start().await;
    let bus = open(&server);
    bus.complete_at(0).await;
    for (field, value) in [("buckets", "3"), ("tip", "short"), ("epoch", "1e+15")] {
        let () = server.command(&["COPY", "{pressrun}:meta", "whole"]).await;
        let () = server
            .command(&["HSET", "{pressrun}:meta", field, value])
            .await;
        let meta = bus.publisher.meta().await;
        assert!(
            matches!(meta, Err(BusError::Unexpected(_))),
            "{field}: {meta:?}"
        );
        let () = server.command(&["HDEL", "{pressrun}:meta", field]).await;
        let meta = bus.publisher.meta().await;
        assert!(
            matches!(meta, Err(BusError::Unexpected(_))),
            "{field}: {meta:?}"
        );
        let () = server
            .command(&["RENAME", "whole", "{pressrun}:meta"])
            .await;
    }
    assert_eq!(bus.published_through().await, 0);
    let () = server.command(&["DEL", "{pressrun}:meta"]).await;
    let () = server.command(&["SET", "{pressrun}:meta", "a text"]).await;
    assert!(matches!(
        bus.publisher.meta().await,
        Err(BusError::Redis { .. })
    ));
}

#[tokio::test]
async fn octets_that_are_no_envelope_are_counted_and_reported() {
    let server = RedisServer::start().await;
    let bus = open(&server);
    let build = bus.complete_at(0).await;
    bus.publish(build, change(1, "a")).await;
    let bucket = bucket_of(build, "a");
    let () = server
        .command(&["HSET", &bucket, "posts/b", "damaged"])
        .await;

    let mut snapshot = bus.follower.snapshot().await.expect("Redis answers");
    let buckets = snapshot.buckets(build, &[key("a").bucket(BUCKETS)]).await;
    let buckets = buckets.expect("Redis answers");
    let BucketRead::Intact {
        envelopes,
        undecodable,
    } = &buckets[0]
    else {
        panic!("the bucket is there");
    };
    assert_eq!((envelopes.len(), *undecodable), (1, 1));

    let () = server
        .command(&["HSET", &bucket, "posts/a", "damaged"])
        .await;
    let fetched = bus.follower.fetch(&key("a")).await;
    assert!(matches!(fetched, Err(BusError::Unexpected(_))));
    let mut feed = bus.subscribe().await;
    let () = server
        .command(&["PUBLISH", "{pressrun}:feed", "no message"])
        .await;
    assert_eq!(next_event(&mut feed).await, Some(FeedEvent::Undecodable));
    // The damaged value counts as older than everything.
    assert_eq!(bus.publish(build, change(2, "a")).await, published(2));
    assert_eq!(bus.held_sequence("a").await, Some(2));
}

#[tokio::test]
async fn bucket_with_another_mark_or_none_is_lost() {
    let server = RedisServer::start().await;
    let bus = open(&server);
    let build = bus.complete_at(0).await;
    bus.publish(build, change(1, "a")).await;
    let bucket = bucket_of(build, "a");
    for words in [
        vec!["HSET", &bucket, "", "another"],
        vec!["HDEL", &bucket, ""],
    ] {
        let () = server.command(&words).await;
        let mut snapshot = bus.follower.snapshot().await.expect("Redis answers");
        let buckets = snapshot.buckets(build, &[key("a").bucket(BUCKETS)]).await;
        assert_eq!(buckets.expect("Redis answers"), [BucketRead::Lost]);
        let lookup = bus.follower.lookup(&key("a")).await.expect("Redis answers");
        assert!(!lookup.is_intact && lookup.envelope.is_none());
        let outcome = bus.publish(build, change(2, "a")).await;
        assert_eq!(outcome, PublishOutcome::Refused(Refusal::BucketLost));
    }
}

#[tokio::test]
async fn large_bucket_comes_in_parts_and_its_mark_is_judged_with_the_last() {
    const PART_BYTES_MAX: usize = (256 + 32 + 1) * 1024;
    let server = RedisServer::start().await;
    let bus = open(&server);
    let build = large_bucket(&bus).await;
    let key = format!("{{pressrun}}:snap:{:016x}:0", build.0);
    for is_lost in [false, true] {
        if is_lost {
            let () = server.command(&["HDEL", &key, ""]).await;
        }
        // Room for one only: the reading waits for whoever takes the parts.
        let (sink, mut parts) = mpsc::channel(1);
        let mut snapshot = bus.follower.snapshot().await.expect("Redis answers");
        let reading = snapshot.each_bucket(build, vec![0], sink);
        let taking = async {
            let mut taken = Vec::new();
            while let Some(part) = parts.recv().await {
                taken.push(part);
            }
            taken
        };
        let (done, mut taken) = tokio::join!(reading, taking);
        done.expect("Redis answers");
        let last = taken.pop();
        assert_eq!(last == Some(BucketRead::Lost), is_lost);
        assert!(taken.len() >= 7, "{} parts of 2 MiB", taken.len());
        for part in taken {
            let BucketRead::Part(envelopes) = part else {
                panic!("only the last is judged");
            };
            let octets: usize = envelopes
                .iter()
                .map(|one| encode(one).expect("short enough").len())
                .sum();
            assert!((1..=PART_BYTES_MAX).contains(&octets), "{octets}");
        }
    }
}

#[tokio::test]
async fn replay_ends_at_a_document_older_than_its_slot() {
    let server = RedisServer::start().await;
    let bus = open(&server);
    let build = bus.complete_at(0).await;
    for (number, id) in [(1, "a"), (2, "b"), (3, "a"), (4, "b")] {
        bus.publish(build, change(number, id)).await;
    }
    // As after a failover to a replica that lacks the last write of that document.
    let mut command = redis::cmd("HSET");
    command.arg(bucket_of(build, "a")).arg("posts/a");
    command.arg(&change(1, "a").envelope[..]);
    let set = command.exec_async(&mut server.connection().await).await;
    set.expect("Redis answers");

    let replay = bus.replay(0).await;
    assert_eq!(replay.deliveries.len(), 2);
}

#[tokio::test]
async fn fields_that_no_release_wrote_are_told_apart_from_documents() {
    let server = RedisServer::start().await;
    let bus = open(&server);
    let build = bus.complete_at(0).await;
    bus.publish(build, change(1, "a")).await;
    let bucket = bucket_of(build, "a");
    let added: u64 = server
        .command(&["HSET", &bucket, "no key", "x", "NOR/this", "y"])
        .await;
    assert_eq!(added, 2);

    let index = key("a").bucket(BUCKETS);
    let names = bus.publisher.names(build, index, 10).await;

    let expected = Names {
        fields: 3,
        keys: vec![key("a")],
        strangers: 2,
    };
    assert_eq!(names.expect("Redis answers"), Ok(expected));
}
