//! A leader without its loop, over SQLite and the in-process bus.

use std::{num::NonZeroUsize, sync::Arc};

use bus::{Follower, MemoryBus, Meta, Publisher};
use bytes::Bytes;
use shared::{Envelope, ResourceKey, Sequence, Timestamp, codec};
use tempfile::TempDir;

use crate::{
    commit::{Committed, Committer, outbox},
    leader::{Leader, LeaderCounters, upkeep::Upkeep},
    render::{Codings, Renderer},
    store::{Action, Mutation, Precondition, Store, sqlite::SqliteStore},
};

pub(super) const TERM: u64 = 1;

pub(super) struct Stage {
    pub(super) leader: Leader,
    pub(super) store: Arc<dyn Store>,
    pub(super) bus: MemoryBus,
    upkeep: Option<Upkeep>,
    missed_before: Option<Sequence>,
    _committed: Committed,
    _directory: TempDir,
}

/// Nothing stored, nothing published; of the changes, two are kept.
pub(super) async fn stage() -> Stage {
    let directory = tempfile::tempdir().unwrap();
    let store: Arc<dyn Store> = Arc::new(SqliteStore::open(directory.path()).await.unwrap());
    let bus = MemoryBus::new();
    let (outbox, committed) = outbox(1024);
    let (committer, commit_loop) = Committer::new(Arc::clone(&store), 1024, None, outbox);
    tokio::spawn(commit_loop.run());
    Stage {
        leader: Leader {
            store: Arc::clone(&store),
            bus: Arc::new(bus.clone()),
            renderer: Renderer::new(Codings::ALL, NonZeroUsize::MIN),
            committer,
            changes_kept: 2,
            counters: Arc::new(LeaderCounters::default()),
        },
        store,
        bus,
        upkeep: None,
        missed_before: None,
        _committed: committed,
        _directory: directory,
    }
}

impl Stage {
    /// Commits these, without publishing them.
    pub(super) async fn commit(&self, batch: &[Mutation]) {
        self.store.commit(None, batch).await.unwrap();
    }

    /// As [`Self::commit`], then brings everything to the bus.
    pub(super) async fn publish(&mut self, batch: &[Mutation]) {
        self.commit(batch).await;
        let head = self.store.feed().await.unwrap().tip.position.sequence;
        for _ in 0..4 {
            self.round().await;
        }
        assert_eq!(self.meta().await.published_through, head);
        assert!(self.meta().await.complete);
    }

    /// One round, with upkeep from the start. Nothing is swept: for all it knows, the head has just
    /// moved.
    pub(super) async fn keep_up(&mut self) {
        self.upkeep = None;
        self.missed_before = None;
        self.round().await;
    }

    /// One round, with upkeep where it had come to. What fails is tried again by the next one.
    pub(super) async fn round(&mut self) {
        let round = self
            .leader
            .round(TERM, self.missed_before, &mut self.upkeep);
        self.missed_before = round.await.unwrap_or_default();
    }

    pub(super) async fn meta(&self) -> Meta {
        Publisher::meta(&self.bus).await.unwrap().unwrap()
    }

    /// What the bus holds for a document.
    pub(super) async fn held(&self, id: &str) -> Option<Envelope> {
        self.bus.fetch(&key(id)).await.unwrap()
    }

    /// Puts octets in place of what the bus holds for a document.
    pub(super) async fn spoil(&self, id: &str, octets: impl Into<Bytes>) {
        self.bus.lose_document(&key(id));
        let build = self.meta().await.build;
        let spoilt = self
            .bus
            .mend(TERM, build, &[(key(id), octets.into())])
            .await;
        assert_eq!(spoilt.unwrap(), Ok(1));
    }

    pub(super) fn count(&self, read: fn(&LeaderCounters) -> &std::sync::atomic::AtomicU64) -> u64 {
        read(&self.leader.counters).load(std::sync::atomic::Ordering::Relaxed)
    }

    pub(super) fn mended(&self) -> u64 {
        self.count(|all| &all.mended)
    }

    pub(super) fn rebuilds(&self) -> u64 {
        self.count(|all| &all.rebuilds)
    }
}

pub(super) fn key(id: &str) -> ResourceKey {
    ResourceKey::parse("things", id).unwrap()
}

pub(super) fn put(id: &str, body: &'static str) -> Mutation {
    Mutation {
        key: key(id),
        action: Action::Put {
            body: Bytes::from_static(body.as_bytes()),
            expires_at: None,
        },
        precondition: Precondition::None,
        retry: None,
    }
}

pub(super) fn expiring(id: &str, at: Timestamp) -> Mutation {
    Mutation {
        action: Action::Put {
            body: Bytes::from_static(b"{}"),
            expires_at: Some(at),
        },
        ..put(id, "{}")
    }
}

pub(super) fn delete(id: &str) -> Mutation {
    Mutation {
        action: Action::Delete,
        ..put(id, "{}")
    }
}

pub(super) fn encode(envelope: &Envelope) -> Bytes {
    codec::encode(envelope).unwrap()
}
