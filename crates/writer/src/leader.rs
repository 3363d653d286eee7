//! The leader: the one writer that beats, sweeps and rebuilds, so that the bus is what the
//! database says.
//!
//! Every writer runs this; the database's lease lets one of them lead at a time. A leader that
//! freezes loses its lease and finds that out with its next beat.

mod beat;
mod encode;
mod plan;
mod rebuild;
mod sweep;

#[cfg(test)]
mod tests;

use std::{
    sync::{
        Arc, Mutex, MutexGuard, PoisonError,
        atomic::{AtomicBool, AtomicU64, Ordering},
    },
    time::Duration,
};

use bus::{BusError, Publisher};
use shared::{Sequence, codec::EncodeError};
use tokio::time::sleep;
use tracing::{info, warn};

use crate::{
    render::Renderer,
    store::{Lease, Store, StoreError, Tip},
};

use encode::Encoded;
use plan::{Plan, plan};
use rebuild::Rebuilt;
use sweep::Swept;

/// How often the leader compares the bus with the database, and how long it waits after a failure.
const ROUND_PAUSE: Duration = Duration::from_millis(250);

/// How often a writer that does not lead tries to.
const CANDIDACY_PAUSE: Duration = Duration::from_millis(500);

/// What the leader works with. Cheap to clone.
#[derive(Debug, Clone)]
pub struct Leader {
    /// The truth.
    pub store: Arc<dyn Store>,
    /// What is kept equal to it.
    pub bus: Arc<dyn Publisher>,
    /// Makes representations of stored bodies.
    pub renderer: Renderer,
    /// What was done.
    pub counters: Arc<LeaderCounters>,
}

/// What this process has done as leader since its start.
#[derive(Debug, Default)]
pub struct LeaderCounters {
    /// Whether it leads now.
    pub leads: AtomicBool,
    /// Its latest term; 0 before the first.
    pub term: AtomicU64,
    /// Heartbeats sent.
    pub heartbeats: AtomicU64,
    /// Heartbeats that the bus did not take.
    pub heartbeats_failed: AtomicU64,
    /// Slots published by sweeps.
    pub swept: AtomicU64,
    /// Rebuilds begun.
    pub rebuilds: AtomicU64,
    /// Rounds that failed because the bus or the database was away.
    pub rounds_failed: AtomicU64,
    /// Times that the bus and the database told of different histories.
    pub forks: AtomicU64,
    seen: Mutex<Seen>,
}

/// What the latest round saw.
#[derive(Debug, Clone, Copy, Default)]
pub(crate) struct Seen {
    /// The database's tip.
    pub(crate) tip: Option<Tip>,
    /// Up to where the bus had everything.
    pub(crate) published_through: Option<Sequence>,
}

impl LeaderCounters {
    /// What the latest round saw; nothing before the first.
    pub(crate) fn seen(&self) -> Seen {
        *self.lock()
    }

    fn see(&self, seen: Seen) {
        *self.lock() = seen;
    }

    fn lock(&self) -> MutexGuard<'_, Seen> {
        // Written whole, so a panic elsewhere leaves nothing half done.
        self.seen.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Why a round could not be finished.
#[derive(Debug, thiserror::Error)]
pub(crate) enum RoundError {
    #[error(transparent)]
    Store(#[from] StoreError),
    #[error(transparent)]
    Bus(#[from] BusError),
    #[error(transparent)]
    Encode(#[from] EncodeError),
}

impl Leader {
    /// Leads whenever the database lets it, for ever.
    ///
    /// # Cancel safety
    /// Dropping the future gives the lease up.
    pub async fn run(self) -> ! {
        loop {
            match self.store.lead().await {
                Ok(Some(lease)) => self.reign(lease).await,
                Ok(None) => {}
                Err(error) => {
                    warn!(
                        error = &error as &dyn std::error::Error,
                        "cannot stand for leader"
                    );
                }
            }
            sleep(CANDIDACY_PAUSE).await;
        }
    }

    /// Beats and keeps the bus equal to the database, until the lease is lost.
    async fn reign(&self, mut lease: Box<dyn Lease>) {
        let term = lease.term();
        info!(term, "leading");
        self.counters.term.store(term, Ordering::Relaxed);
        self.counters.leads.store(true, Ordering::Relaxed);
        let lost = tokio::select! {
            lost = beat::beat(&mut *lease, &*self.bus, &self.counters) => lost,
            never = self.rounds(term) => never,
        };
        self.counters.leads.store(false, Ordering::Relaxed);
        warn!(
            term,
            error = &lost as &dyn std::error::Error,
            "no longer leading"
        );
    }

    async fn rounds(&self, term: u64) -> ! {
        let mut published_before = None;
        loop {
            match self.round(term, published_before).await {
                Ok(published) => published_before = published,
                Err(error) => {
                    self.counters.rounds_failed.fetch_add(1, Ordering::Relaxed);
                    warn!(error = &error as &dyn std::error::Error, "round failed");
                    published_before = None;
                }
            }
            sleep(ROUND_PAUSE).await;
        }
    }

    /// One look at the bus and what it asks for. Gives `published_through` as it was seen.
    async fn round(
        &self,
        term: u64,
        published_before: Option<Sequence>,
    ) -> Result<Option<Sequence>, RoundError> {
        // Meta first: what it has, the database read afterwards must have as well.
        let meta = self.bus.meta().await?;
        let tip = self.store.feed().await?.tip;
        let published_through = meta.map(|meta| meta.published_through);
        self.counters.see(Seen {
            tip: Some(tip),
            published_through,
        });
        match plan(meta, tip, published_before) {
            Plan::Rest => {}
            Plan::Confirm(known) => self.settle(term, known).await?,
            Plan::Rebuild => self.rebuild_logged(term).await?,
            Plan::Sweep(meta) => match self.sweep(meta).await? {
                Swept::Done => {}
                Swept::Pruned => self.rebuild_logged(term).await?,
                Swept::Forked(known) => self.settle(term, known).await?,
            },
        }
        Ok(published_through)
    }

    /// The bus and the database tell of different histories. Where the database has lost its own,
    /// it begins a new epoch; otherwise the bus is wrong. Either way it is filled again.
    async fn settle(&self, term: u64, known: Tip) -> Result<(), RoundError> {
        self.counters.forks.fetch_add(1, Ordering::Relaxed);
        let tip = self.store.confirm(known).await?;
        warn!(bus = %known.position, database = %tip.position, "histories differ");
        self.rebuild_logged(term).await
    }

    async fn rebuild_logged(&self, term: u64) -> Result<(), RoundError> {
        if let Rebuilt::Refused(refusal) = self.rebuild(term).await? {
            warn!(?refusal, "the rebuild was refused and starts over");
        }
        Ok(())
    }
}
