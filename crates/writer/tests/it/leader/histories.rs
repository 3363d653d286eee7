//! Databases that go back, and epochs that end.

use std::path::Path;

use bus::{Follower, MemoryBus, Meta};
use shared::{Change, Position};
use tempfile::TempDir;

use super::{Desk, count, open};
use crate::store::fixture::{commit, put};

/// A bus that a writer has filled up to sequence 3, whose database is gone.
async fn orphaned() -> (MemoryBus, Position) {
    let desk = Desk::settled().await;
    for id in ["a", "b", "c"] {
        desk.write(put(id, "{}")).await;
    }
    let meta = desk.until_settled().await;
    let (bus, _directory) = desk.finish().await;
    (bus, meta.position())
}

/// The database's files, as they are while nobody writes.
fn copy_of(directory: &Path) -> TempDir {
    let copy = tempfile::tempdir().unwrap();
    for file in std::fs::read_dir(directory).unwrap() {
        let file = file.unwrap();
        std::fs::copy(file.path(), copy.path().join(file.file_name())).unwrap();
    }
    copy
}

#[tokio::test]
async fn epoch_begun_by_hand_reaches_the_bus() {
    let desk = Desk::settled().await;
    desk.write(put("a", "{}")).await;
    let before = desk.until_settled().await;

    let begun = desk.store.begin_epoch().await.unwrap();

    let after = desk.until_settled().await;
    assert!(after.epoch > before.epoch);
    assert_eq!(after.position(), begun.position);
    assert_eq!(
        desk.envelope("a").await.unwrap().position.epoch,
        begun.position.epoch
    );
    let live = desk.write(put("b", "{}")).await;
    assert_eq!(live.slot.position.epoch, begun.position.epoch);
    desk.until_settled().await;
    assert_eq!(desk.body("b").await.as_deref(), Some("{}"));
}

#[tokio::test]
async fn database_behind_its_bus_begins_a_new_epoch() {
    // Made first, so that its epoch is the lower one.
    let directory = tempfile::tempdir().unwrap();
    let store = open(directory.path()).await;
    commit(&*store, &[put("a", "{\"of\":\"the other\"}")]).await;
    let (bus, ended) = orphaned().await;
    assert!(crate::store::fixture::tip(&*store).await.position < ended);

    let desk = Desk::start(directory, store, bus).await;

    let meta = desk.until_settled().await;
    assert!(meta.epoch > ended.epoch);
    assert_eq!(meta.published_through.0, 1);
    assert_eq!(
        desk.body("a").await.as_deref(),
        Some("{\"of\":\"the other\"}")
    );
    assert_eq!(desk.envelope("b").await, None);
    assert!(count(&desk.leader().forks) > 0);
}

#[tokio::test]
async fn first_commit_to_a_database_behind_its_bus_is_above_all_that_readers_hold() {
    let directory = tempfile::tempdir().unwrap();
    let store = open(directory.path()).await;
    let (bus, ended) = orphaned().await;

    let desk = Desk::start(directory, store, bus).await;
    let written = desk.write(put("d", "{}")).await;

    assert!(written.slot.position > ended);
    assert!(written.slot.position.epoch > ended.epoch);
    desk.until_settled().await;
    assert_eq!(desk.body("d").await.as_deref(), Some("{}"));
    assert_eq!(desk.envelope("a").await, None);
}

#[tokio::test]
async fn newer_database_takes_an_older_bus_over() {
    let (bus, ended) = orphaned().await;
    let directory = tempfile::tempdir().unwrap();
    let store = open(directory.path()).await;

    let desk = Desk::start(directory, store, bus).await;

    let meta = desk.until_settled().await;
    assert!(meta.epoch > ended.epoch);
    assert_eq!(desk.envelope("a").await, None);
    assert_eq!(count(&desk.leader().forks), 0);
}

/// A bus that knows of a change which is in no backup, and a backup that is ahead of it by number:
/// only the links tell. With the meta of that bus.
async fn diverged() -> (MemoryBus, TempDir, Meta) {
    let desk = Desk::settled().await;
    desk.write(put("a", "{}")).await;
    desk.until_settled().await;
    let (bus, directory) = desk.finish().await;
    let backup = copy_of(directory.path());
    let going_on = copy_of(directory.path());
    let store = open(going_on.path()).await;
    let desk = Desk::start(going_on, store, bus).await;
    desk.write(put("b", "{\"lost\":true}")).await;
    let ended = desk.until_settled().await;
    let (bus, _directory) = desk.finish().await;
    let restored = open(backup.path()).await;
    for id in ["x", "y", "z"] {
        commit(&*restored, &[put(id, "{}")]).await;
    }
    drop(restored);
    (bus, backup, ended)
}

#[tokio::test]
async fn restored_database_that_overtook_its_bus_is_told_by_its_links() {
    let (bus, backup, ended) = diverged().await;
    let restored = open(backup.path()).await;

    let desk = Desk::start(backup, restored, bus).await;

    let meta = desk.until_settled().await;
    assert!(meta.epoch > ended.epoch);
    assert!(count(&desk.leader().forks) > 0);
    assert_eq!(desk.envelope("b").await, None);
    for id in ["a", "x", "y", "z"] {
        let envelope = desk.envelope(id).await.unwrap();
        assert!(matches!(envelope.change, Change::Put(_)));
        assert_eq!(envelope.position.epoch, meta.epoch);
    }
}

/// The leader reigns already when a copy of that bus takes over, which is incomplete: it is rebuilt,
/// but not in the epoch that readers know otherwise.
#[tokio::test]
async fn incomplete_bus_of_another_history_is_not_rebuilt_in_its_epoch() {
    let (bus, backup, ended) = diverged().await;
    bus.lose_bucket(0);
    bus.report_lost(ended.build, 0).await.unwrap();
    let incomplete = bus.checkpoint();
    bus.lose_everything();
    let restored = open(backup.path()).await;
    let desk = Desk::start(backup, restored, bus).await;
    let before = desk.until_settled().await;
    assert_eq!(before.epoch, ended.epoch, "nothing tells otherwise");

    desk.bus.roll_back(&incomplete);

    let meta = desk.until_settled().await;
    assert!(meta.epoch > ended.epoch);
    assert!(count(&desk.leader().forks) > 0);
}
