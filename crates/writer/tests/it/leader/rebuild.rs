//! Filling the bus, and what the leader tells of it.

use std::sync::atomic::Ordering;

use bus::{Follower, MemoryBus};
use bytes::Bytes;
use shared::{Change, FeedMessage, Heartbeat, Version};
use writer::store::Mutation;

use super::{Desk, count, next, open, until_counted};
use crate::store::fixture::{body_of, commit, delete, document, put, tip};

/// More than one chunk, and more than one bucket.
const DOCUMENTS: usize = 600;

#[tokio::test]
async fn empty_bus_gets_a_complete_snapshot_of_all_documents() {
    let directory = tempfile::tempdir().unwrap();
    let store = open(directory.path()).await;
    let puts: Vec<Mutation> = (0..DOCUMENTS)
        .map(|n| put(&n.to_string(), &format!("{{\"n\":{n}}}")))
        .collect();
    for batch in puts.chunks(300) {
        commit(&*store, batch).await;
    }
    commit(&*store, &[put("long", &body_of(4000)), delete("7")]).await;
    let before = tip(&*store).await;

    let desk = Desk::start(directory, store, MemoryBus::new()).await;

    let meta = desk.until_settled().await;
    assert_eq!((meta.position(), meta.tip), (before.position, before.link));
    assert_eq!((meta.term, meta.buckets), (1, 2));
    assert!(meta.built > 1, "{} chunks", meta.built);
    for n in (0..DOCUMENTS).filter(|n| *n != 7) {
        let body = desk.body(&n.to_string()).await;
        assert_eq!(body, Some(format!("{{\"n\":{n}}}")));
    }
    let tombstone = desk.envelope("7").await.unwrap();
    assert_eq!(
        (tombstone.change, tombstone.version),
        (Change::Delete, Version(2))
    );
}

#[tokio::test]
async fn rebuilt_envelope_equals_the_one_published_live() {
    let desk = Desk::settled().await;
    desk.write(put("a", &body_of(4000))).await;
    desk.write(put("a", &body_of(5000))).await;
    let live = desk.until_settled().await;
    let published = desk.envelope("a").await.unwrap();
    let Change::Put(representations) = &published.change else {
        panic!("not a put: {published:?}");
    };
    assert_eq!(representations.len(), 4, "identity, br, gzip, zstd");

    desk.bus.lose_everything();

    let rebuilt = desk.until_settled().await;
    assert_ne!(live.build, rebuilt.build);
    assert_eq!(desk.envelope("a").await.unwrap(), published);
    let stored = document(&*desk.store, "a").await;
    assert_eq!(published.position, stored.slot.position);
    assert_eq!(Some(published.updated_at), Some(stored.updated_at));
}

#[tokio::test]
async fn documents_beyond_a_chunk_of_octets_are_all_there() {
    let directory = tempfile::tempdir().unwrap();
    let store = open(directory.path()).await;
    // Random letters hardly compress: five of them pass a chunk's octets, and a page's.
    let mut random = fastrand::Rng::with_seed(7);
    let bodies: Vec<String> = (0..5)
        .map(|_| {
            let letters: String = (0..900_000).map(|_| random.alphanumeric()).collect();
            format!("{{\"a\":\"{letters}\"}}")
        })
        .collect();
    for (n, body) in bodies.iter().enumerate() {
        commit(&*store, &[put(&n.to_string(), body)]).await;
    }

    let desk = Desk::start(directory, store, MemoryBus::new()).await;

    let meta = desk.until_settled().await;
    assert!(meta.built >= 5, "{} chunks", meta.built);
    for (n, body) in bodies.iter().enumerate() {
        let held = desk.body(&n.to_string()).await.map(Bytes::from);
        assert!(held.as_deref() == Some(body.as_bytes()), "body {n} differs");
    }
}

#[tokio::test]
async fn heartbeats_carry_the_head_and_the_probes_left_before() {
    let desk = Desk::settled().await;
    desk.write(put("a", "{}")).await;
    let head = tip(&*desk.store).await;
    let mut feed = desk.bus.subscribe().await.unwrap();
    desk.bus.probe("reader-1", 42).await.unwrap();

    let heartbeat: Heartbeat = next(&mut feed, |message| match message {
        FeedMessage::Heartbeat(beat) if !beat.probes.is_empty() => Some(beat),
        _ => None,
    })
    .await;

    assert_eq!((heartbeat.head, heartbeat.link), (head.position, head.link));
    assert_eq!(heartbeat.probes.len(), 1);
    assert_eq!(heartbeat.probes[0].reader, "reader-1");
    assert_eq!(heartbeat.probes[0].nonce, 42);
    let document = document(&*desk.store, "a").await;
    assert!(heartbeat.database_time >= document.updated_at);
}

#[tokio::test]
async fn quiet_bus_is_left_alone() {
    let desk = Desk::settled().await;
    desk.write(put("a", "{}")).await;
    let before = desk.until_settled().await;
    let beats = count(&desk.leader().heartbeats);

    until_counted("rounds pass", &desk.leader().heartbeats, beats + 6).await;

    assert_eq!(desk.meta().await, before);
    assert_eq!(count(&desk.leader().rebuilds), 1);
    assert_eq!(count(&desk.leader().swept), 0);
    assert!(desk.leader().leads.load(Ordering::Relaxed));
}

/// `SQLite` grants leadership to everybody in its one process, so here two lead at once.
#[tokio::test]
async fn second_leader_changes_nothing() {
    let first = Desk::settled().await;
    first.write(put("a", "{}")).await;
    let before = first.until_settled().await;

    let directory = tempfile::tempdir().unwrap();
    let second = Desk::start(
        directory,
        std::sync::Arc::clone(&first.store),
        first.bus.clone(),
    )
    .await;
    until_counted("rounds pass", &second.leader().heartbeats, 6).await;

    assert_eq!(first.meta().await, before);
    assert_eq!(count(&second.leader().term), 2);
    assert_eq!(count(&second.leader().rebuilds), 0);
    assert_eq!(count(&second.leader().rounds_failed), 0);

    first.bus.lose_everything();
    let after = second.until_settled().await;
    assert_ne!(after.build, before.build);
    assert_eq!(first.body("a").await.as_deref(), Some("{}"));
    let rebuilds = || count(&first.leader().rebuilds) + count(&second.leader().rebuilds);
    let (settled, beats) = (rebuilds(), count(&second.leader().heartbeats));
    until_counted("rounds pass", &second.leader().heartbeats, beats + 6).await;
    assert_eq!(rebuilds(), settled, "they do not take turns for ever");
}
