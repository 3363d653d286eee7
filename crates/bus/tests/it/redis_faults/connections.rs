//! Connections lost, half dead, never made.

use std::time::Duration;

use bus::{
    BucketRead, BusError, Follower, PublishOutcome, Publisher, RedisBus, limits::INLINE_BYTES_MAX,
};
use bytes::Bytes;
use futures_util::StreamExt;
use shared::{Sequence, codec};
use testkit::{
    builders::{key, slot},
    eventually,
    process::free_port,
    redis::{RedisServer, namespace},
};

use super::open;
use crate::contract::subject::{begin_at, change, next_delivery, next_event, published};

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

#[tokio::test]
async fn password_and_database_hold_for_every_connection() {
    let server = RedisServer::start().await;
    let () = server
        .command(&["CONFIG", "SET", "requirepass", "secret"])
        .await;
    let url = |password: &str| format!("redis://:{password}@127.0.0.1:{}/3", server.port());
    let bus = RedisBus::open(&url("secret"), "pressrun").expect("the URL is valid");
    let begin = begin_at(7);
    let begun = bus.begin(&begin).await.expect("Redis answers");
    assert_eq!(begun, Ok(()));

    let mut snapshot = bus.snapshot().await.expect("Redis answers");
    let meta = snapshot.meta().await.expect("Redis answers");
    assert_eq!(meta.map(|meta| meta.build), Some(begin.build));
    let buckets = snapshot.buckets(begin.build, &[0]).await;
    assert_ne!(buckets.expect("Redis answers"), [BucketRead::Lost]);

    let stranger = RedisBus::open(&url("guess"), "pressrun").expect("the URL is valid");
    let refused = stranger.snapshot().await;
    assert!(
        matches!(refused, Err(BusError::Redis { .. })),
        "{refused:?}"
    );
}

#[tokio::test]
async fn changes_of_one_call_travel_as_few_messages() {
    let server = RedisServer::start().await;
    let bus = open(&server);
    let build = bus.complete_at(0).await;
    let client = redis::Client::open(server.url()).expect("the URL is valid");
    let mut raw = client.get_async_pubsub().await.expect("Redis answers");
    raw.subscribe("{pressrun}:feed")
        .await
        .expect("Redis answers");
    let mut raw = raw.into_on_message();

    bus.publish_range(build, 1, 512).await;

    let (mut messages, mut slots) = (0, 0);
    while slots < 512 {
        let message = raw.next().await.expect("the connection stays");
        let octets = Bytes::copy_from_slice(message.get_payload_bytes());
        assert!(octets.len() < INLINE_BYTES_MAX, "{} octets", octets.len());
        messages += 1;
        slots += codec::messages(&octets).count();
    }
    assert!(messages <= 8, "{messages} messages");
}
