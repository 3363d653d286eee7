//! What lies in Redis, under which names, and what is cleared away.

use bus::{
    Begin, Build, Publication, Registration,
    limits::{LOG_SEGMENT_SLOTS, STATUS_BYTES_MAX},
};
use shared::{Link, Slot};
use testkit::{builders::slot, redis::RedisServer};

use super::open;
use crate::{
    contract::{
        rebuild,
        subject::{BUCKETS, LOG_SEGMENTS, begin_at, change},
    },
    redis::on,
};

#[tokio::test]
async fn keys_bear_their_names_and_one_hash_tag() {
    let server = RedisServer::start().await;
    let bus = open(&server);
    let begin = Begin {
        build: Build(0xabc),
        buckets: 1,
        ..begin_at(1023)
    };
    bus.begin(&begin).await;
    bus.publish(begin.build, change(1024, "a")).await;
    bus.publish(begin.build, change(1026, "b")).await;
    bus.follower.probe("r1", 1).await.expect("Redis answers");
    bus.follower
        .register("r1", "{}")
        .await
        .expect("Redis answers");

    let mut keys: Vec<String> = server.command(&["KEYS", "*"]).await;
    keys.sort();
    let expected = [
        "{pressrun}:log:0000000000000abc:1",
        "{pressrun}:meta",
        "{pressrun}:pending:0000000000000abc",
        "{pressrun}:probes",
        "{pressrun}:reader:r1",
        "{pressrun}:snap:0000000000000abc:0",
    ];
    assert_eq!(keys, expected);
    for (key, seconds_max) in [("probes", 60), ("reader:r1", 5)] {
        let key = format!("{{pressrun}}:{key}");
        let seconds: i64 = server.command(&["TTL", &key]).await;
        assert!((1..=seconds_max).contains(&seconds), "{key}: {seconds} s");
    }
}

#[tokio::test]
async fn slots_that_had_their_turn_leave_pending_and_old_segments_the_log() {
    let server = RedisServer::start().await;
    let bus = open(&server);
    let build = bus.complete_at(0).await;
    // Slot 2 waits with a link that never matches, until it is published again.
    let forked = Slot {
        prev_link: Link(7),
        ..slot(2)
    };
    let waiting = Publication {
        slot: forked,
        ..change(2, "b")
    };
    for publication in [change(3, "c"), waiting, change(1, "a"), change(2, "b")] {
        bus.publish(build, publication).await;
    }
    assert_eq!(bus.published_through().await, 3);
    let pending: Vec<String> = server.command(&["KEYS", "*:pending:*"]).await;
    assert!(pending.is_empty(), "{pending:?}");

    bus.publish_range(build, 4, (LOG_SEGMENTS + 1) * LOG_SEGMENT_SLOTS)
        .await;
    let mut segments: Vec<String> = server.command(&["KEYS", "*:log:*"]).await;
    segments.sort();
    let expected = [2, 3].map(|segment| format!("{{pressrun}}:log:{:016x}:{segment}", build.0));
    assert_eq!(segments, expected);
}

#[tokio::test]
async fn rebuild_drops_the_keys_of_all_other_builds_in_its_namespace() {
    let server = RedisServer::start().await;
    let bus = open(&server);
    let neighbour = on(&server, "pressrun2");
    let its_build = neighbour.complete_at(0).await;
    neighbour.publish_range(its_build, 1, 20).await;
    let build = bus.complete_at(0).await;
    bus.publish_range(build, 1, 20).await;
    bus.publish(build, change(22, "a")).await;
    bus.follower.probe("r1", 1).await.expect("Redis answers");
    // Without meta nobody knows of that build any more.
    let () = server.command(&["DEL", "{pressrun}:meta"]).await;

    bus.complete_at(22).await;

    let keys: Vec<String> = server.command(&["KEYS", "{pressrun}:*"]).await;
    let kept = 2 + usize::try_from(BUCKETS).expect("small");
    assert_eq!(keys.len(), kept, "meta, probes and the buckets: {keys:?}");
    assert_eq!(neighbour.held_sequence("7").await, Some(7));
}

#[tokio::test]
async fn fewest_and_most_buckets_are_usable() {
    let server = RedisServer::start().await;
    rebuild::fewest_and_most_buckets_are_usable(open(&server)).await;
}

#[tokio::test]
async fn statuses_beyond_the_limit_are_not_listed() {
    let server = RedisServer::start().await;
    let bus = open(&server);
    let largest = "1".repeat(STATUS_BYTES_MAX);
    let registered = bus.follower.register("a", &largest).await;
    registered.expect("Redis answers");
    // Whoever may register may write more than what we would.
    let () = server
        .command(&[
            "SET",
            "{pressrun}:reader:b",
            &"1".repeat(STATUS_BYTES_MAX + 1),
        ])
        .await;

    let readers = bus.publisher.readers().await.expect("Redis answers");

    let reader = "a".to_owned();
    let status = largest;
    assert_eq!(readers, [Registration { reader, status }]);
}
