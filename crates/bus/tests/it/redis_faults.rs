//! What Redis does to the bus, on servers of their own.

use std::time::Duration;

use bus::{
    Begin, BucketRead, Build, BusError, FeedEvent, Follower, PublishOutcome, Publisher, RedisBus,
    Refusal,
};
use shared::Sequence;
use testkit::{
    builders::{key, slot},
    eventually,
    process::free_port,
    redis::{RedisServer, namespace},
};

use crate::{
    contract::subject::{BUCKETS, Subject, begin_at, change, next_delivery, next_event, published},
    redis::on,
};

fn open(server: &RedisServer) -> Subject {
    on(server, "pressrun")
}

fn bucket_of(build: Build, id: &str) -> String {
    let bucket = key(id).bucket(BUCKETS);
    format!("{{pressrun}}:snap:{:016x}:{bucket}", build.0)
}

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
async fn killed_subscription_ends() {
    let server = RedisServer::start().await;
    let bus = open(&server);
    let build = bus.complete_at(0).await;
    let mut feed = bus.subscribe().await;
    bus.publish(build, change(1, "a")).await;
    assert_eq!(next_delivery(&mut feed).await.0, slot(1));

    let () = server.command(&["CLIENT", "KILL", "TYPE", "pubsub"]).await;

    assert_eq!(next_event(&mut feed).await, None);
    let mut again = bus.subscribe().await;
    bus.publish(build, change(2, "b")).await;
    assert_eq!(next_delivery(&mut again).await.0, slot(2));
}

#[tokio::test]
async fn dropped_subscription_leaves_its_connection() {
    let server = RedisServer::start().await;
    let bus = open(&server);
    let feed = bus.subscribe().await;
    let subscribers = async || -> u64 {
        let (_, count): (String, u64) = server
            .command(&["PUBSUB", "NUMSUB", "{pressrun}:feed"])
            .await;
        count
    };
    assert_eq!(subscribers().await, 1);
    drop(feed);
    eventually("Redis sees the subscription gone", async || {
        (subscribers().await == 0).then_some(())
    })
    .await;
}

#[tokio::test]
async fn full_memory_refuses_publications_whole() {
    let server = RedisServer::start().await;
    let bus = open(&server);
    let build = bus.complete_at(0).await;
    bus.publish(build, change(2, "b")).await;
    let before = bus.meta().await;
    let mut feed = bus.subscribe().await;

    let () = server.command(&["CONFIG", "SET", "maxmemory", "1"]).await;

    // One that advances over what waits, one that waits, one that stores nothing new.
    for refused in [change(1, "a"), change(3, "c"), change(2, "b")] {
        let outcome = bus.publisher.publish(build, &[refused]).await;
        assert!(
            matches!(outcome, Err(BusError::Redis { .. })),
            "{outcome:?}"
        );
    }
    assert_eq!(bus.meta().await, before);
    assert_eq!(bus.held("a").await, None);
    assert_eq!(bus.held("c").await, None);
    let log = format!("{{pressrun}}:log:{:016x}:0", build.0);
    let logged: Vec<String> = server.command(&["HKEYS", &log]).await;
    assert_eq!(logged, ["2"]);

    let () = server.command(&["CONFIG", "SET", "maxmemory", "0"]).await;

    assert_eq!(bus.publish(build, change(1, "a")).await, published(2));
    assert_eq!(
        next_delivery(&mut feed).await.0,
        slot(1),
        "nothing came before"
    );
}

#[tokio::test]
async fn full_memory_lets_a_rebuild_begin_and_make_room() {
    let server = RedisServer::start().await;
    let bus = open(&server);
    let build = bus.complete_at(0).await;
    bus.publish_range(build, 1, 200).await;
    let () = server.command(&["CONFIG", "SET", "maxmemory", "1"]).await;

    let begin = begin_at(200);
    bus.begin(&begin).await;

    let size: u64 = server.command(&["DBSIZE"]).await;
    assert_eq!(size, 1 + u64::from(BUCKETS), "meta and the marks");
    let documents = [(key("a"), change(1, "a").envelope)];
    let chunk = bus.publisher.chunk(begin.build, 0, &documents).await;
    assert!(matches!(chunk, Err(BusError::Redis { .. })));
    assert_eq!(bus.meta().await.built, 0);
}

#[tokio::test]
async fn server_that_may_evict_is_refused() {
    for policy in ["allkeys-lru", "volatile-ttl"] {
        let options = ["--maxmemory", "64mb", "--maxmemory-policy", policy];
        let server = RedisServer::start_with(&options).await;
        let refused = open(&server).publisher.meta().await;
        let Err(BusError::Unsuitable(reason)) = refused else {
            panic!("{policy}: {refused:?}");
        };
        assert!(reason.contains(policy), "{reason}");
    }
}

#[tokio::test]
async fn server_that_never_evicts_is_used() {
    for options in [
        ["--maxmemory", "64mb", "--maxmemory-policy", "noeviction"],
        ["--maxmemory", "0", "--maxmemory-policy", "allkeys-lru"],
    ] {
        let server = RedisServer::start_with(&options).await;
        let meta = open(&server).publisher.meta().await;
        assert_eq!(meta.expect("Redis is suitable"), None);
    }
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
async fn paused_server_gives_timeouts_and_then_answers_again() {
    let server = RedisServer::start().await;
    let bus = open(&server);
    let build = bus.complete_at(0).await;
    server.signal("STOP").expect("the server runs");

    let publications = [change(1, "a")];
    let id = key("a");
    let (published_while, read) = tokio::join!(
        bus.publisher.publish(build, &publications),
        bus.follower.fetch(&id),
    );
    assert!(matches!(published_while, Err(BusError::Timeout(_))));
    assert!(matches!(read, Err(BusError::Timeout(_))));
    assert!(matches!(
        bus.follower.subscribe().await,
        Err(BusError::Timeout(_))
    ));

    server.signal("CONT").expect("the server runs");

    // What was sent before the pause may have taken effect: publishing again is harmless.
    bus.publish(build, change(1, "a")).await;
    assert_eq!(bus.published_through().await, 1);
}

#[tokio::test]
async fn restarted_server_is_found_again_but_not_by_what_read_it_before() {
    let mut server = RedisServer::start().await;
    let bus = open(&server);
    bus.complete_at(0).await;
    let mut feed = bus.subscribe().await;
    let mut snapshot = bus.follower.snapshot().await.expect("Redis answers");
    assert!(snapshot.meta().await.expect("Redis answers").is_some());

    server.kill();

    assert_eq!(next_event(&mut feed).await, None);
    assert!(bus.publisher.meta().await.is_err());
    assert!(bus.follower.subscribe().await.is_err());
    server.restart().await;
    let meta = eventually("the bus connects again", async || {
        bus.publisher.meta().await.ok()
    });
    assert_eq!(meta.await, None, "empty");
    assert!(snapshot.meta().await.is_err(), "it never reconnects");
    assert_eq!(next_event(&mut feed).await, None, "nor does that");
    let build = bus.complete_at(5).await;
    assert_eq!(bus.publish(build, change(6, "a")).await, published(6));
}

#[tokio::test]
async fn bus_opens_without_a_server_and_fails_within_its_deadline() {
    let port = free_port().expect("a port is free");
    let bus = RedisBus::open(&format!("redis://127.0.0.1:{port}"), "pressrun");
    let bus = bus.expect("opening does not connect");
    let deadline = Duration::from_secs(20);
    let meta = tokio::time::timeout(deadline, Publisher::meta(&bus)).await;
    assert!(meta.expect("in time").is_err());
    let feed = tokio::time::timeout(deadline, bus.subscribe()).await;
    assert!(feed.expect("in time").is_err());
}

#[tokio::test]
async fn socket_files_carry_it_too() {
    let server = RedisServer::shared().await;
    let bus = RedisBus::open(&server.unix_url(), &namespace()).expect("the URL is valid");
    let begin = begin_at(3);
    let begun = bus.begin(&begin).await.expect("Redis answers");
    assert_eq!(begun, Ok(()));
    let mut feed = bus.subscribe().await.expect("Redis answers");
    let outcomes = bus.publish(begin.build, &[change(4, "a")]).await;
    let expected = [PublishOutcome::Published(Sequence(4))];
    assert_eq!(outcomes.expect("Redis answers"), expected);
    assert_eq!(next_delivery(&mut feed).await.0, slot(4));
}

#[tokio::test]
async fn malformed_urls_and_namespaces_are_refused() {
    for url in ["", "localhost", "http://localhost", "redis://host:port"] {
        assert!(RedisBus::open(url, "pressrun").is_err(), "{url}");
    }
    let url = "redis://localhost";
    for namespace in ["a", "Press_run-1.2", &"x".repeat(64)] {
        assert!(RedisBus::open(url, namespace).is_ok(), "{namespace}");
    }
    for namespace in ["", "a b", "a*", "{a}", "a:b", &"x".repeat(65)] {
        assert!(RedisBus::open(url, namespace).is_err(), "{namespace}");
    }
}

#[tokio::test]
async fn password_is_not_in_what_is_logged() {
    let bus = RedisBus::open("redis://user:secret@localhost", "pressrun").expect("a valid URL");
    assert!(!format!("{bus:?}").contains("secret"));
}
