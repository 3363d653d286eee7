//! Redis at its memory limit.

use bus::BusError;
use testkit::{
    builders::{key, slot},
    redis::RedisServer,
};

use super::open;
use crate::contract::subject::{BUCKETS, begin_at, change, next_delivery, published};

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
