//! The leader: the one writer that beats, sweeps, compares, expires, prunes and rebuilds, so that
//! the bus is what the database says and neither grows for ever.
//!
//! Every writer runs this; the database's lease lets one of them lead at a time. A leader that
//! freezes loses its lease and finds that out with its next beat.

mod ahead;
pub mod audit;
mod beat;
mod compare;
mod counters;
mod encode;
mod expire;
mod plan;
mod prune;
mod rebuild;
mod sweep;
mod upkeep;
mod walk;

#[cfg(test)]
mod tests;

use std::{
    sync::{Arc, atomic::Ordering},
    time::Duration,
};

use bus::{BusError, Meta, Publisher, Refusal};
use shared::{Sequence, codec::EncodeError};
use tokio::time::sleep;
use tracing::{info, warn};

use crate::{
    commit::Committer,
    render::Renderer,
    store::{Lease, Store, StoreError, Tip},
};

use beat::End;
pub use counters::LeaderCounters;
use counters::Seen;
use encode::Encoded;
use plan::{Plan, missed_after, plan};
pub use prune::CHANGES_KEPT;
use rebuild::Rebuilt;
use sweep::Swept;
use upkeep::Upkeep;

/// How often the leader compares the bus with the database, and how long it waits after a failure.
const ROUND_PAUSE: Duration = Duration::from_millis(250);

/// How often a writer that does not lead tries to.
const CANDIDACY_PAUSE: Duration = Duration::from_millis(500);

/// How long a leader whom the bus does not hear stands back: every other writer has had its turn by
/// then.
const STANDING_BACK: Duration = Duration::from_secs(1);

/// What the leader works with. Cheap to clone.
#[derive(Debug, Clone)]
pub struct Leader {
    /// The truth.
    pub store: Arc<dyn Store>,
    /// What is kept equal to it.
    pub bus: Arc<dyn Publisher>,
    /// Makes representations of stored bodies.
    pub renderer: Renderer,
    /// Where expired documents are deleted.
    pub committer: Committer,
    /// How many of the last changes the database keeps; see [`CHANGES_KEPT`].
    pub changes_kept: u64,
    /// What was done.
    pub counters: Arc<LeaderCounters>,
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
    #[error("the bus refused: {0:?}")]
    Refused(Refusal),
    /// Only a rebuild helps.
    #[error("the bus holds a {0}")]
    Incurable(&'static str),
}

impl Leader {
    /// Leads whenever the database lets it, for ever.
    ///
    /// # Cancel safety
    /// Dropping the future gives the lease up.
    pub async fn run(self) -> ! {
        loop {
            match self.store.lead().await {
                Ok(Some(lease)) => {
                    if let End::Unheard = self.reign(lease).await {
                        sleep(STANDING_BACK).await;
                    }
                }
                Ok(None) => {}
                Err(error) => {
                    warn!(
                        error = %telemetry::chain(&error),
                        "cannot stand for leader"
                    );
                }
            }
            sleep(CANDIDACY_PAUSE).await;
        }
    }

    /// Beats and keeps the bus equal to the database until that is of no use. Gives the lease up.
    async fn reign(&self, mut lease: Box<dyn Lease>) -> End {
        let term = lease.term();
        info!(term, "leading");
        self.counters.term.store(term, Ordering::Relaxed);
        self.counters.leads.store(true, Ordering::Relaxed);
        // The beat first, always: it is what the lease hangs on, and a simulation needs one order.
        let end = tokio::select! {
            biased;
            end = beat::beat(&mut *lease, &*self.bus, &self.counters) => end,
            never = self.rounds(term) => never,
            never = self.expire() => never,
            never = self.watch_readers() => never,
        };
        self.counters.leads.store(false, Ordering::Relaxed);
        warn!(
            term,
            error = %telemetry::chain(&end),
            "no longer leading"
        );
        end
    }

    async fn rounds(&self, term: u64) -> ! {
        while let Err(error) = self.begin_rounds().await {
            self.fail_round(&error);
            sleep(ROUND_PAUSE).await;
        }
        let mut missed_before = None;
        let mut upkeep = None;
        loop {
            match self.round(term, missed_before, &mut upkeep).await {
                Ok(missed) => missed_before = missed,
                Err(error) => {
                    self.fail_round(&error);
                    missed_before = None;
                }
            }
            sleep(ROUND_PAUSE).await;
        }
    }

    fn fail_round(&self, error: &RoundError) {
        self.counters.rounds_failed.fetch_add(1, Ordering::Relaxed);
        warn!(error = %telemetry::chain(error), "round failed");
    }

    /// Comes before all else in a reign.
    async fn begin_rounds(&self) -> Result<(), RoundError> {
        match self.bus.meta().await? {
            Some(meta) => self.confirm_history(&meta).await,
            None => Ok(()),
        }
    }

    /// Does the database still have the history that the bus knows? A backup may have been restored
    /// and written to since, until it is ahead by number. Then anything mended or rebuilt in this
    /// epoch would mix the two.
    async fn confirm_history(&self, meta: &Meta) -> Result<(), RoundError> {
        let known = tip_of(meta);
        let before = self.store.feed().await?.tip.position.epoch;
        let after = self.store.confirm(known).await?.position;
        if before < after.epoch {
            self.counters.forks.fetch_add(1, Ordering::Relaxed);
            warn!(bus = %known.position, database = %after, "histories differ");
        }
        Ok(())
    }

    /// One look at the bus and what it asks for. Gives the slot after which some looked missing.
    async fn round(
        &self,
        term: u64,
        missed_before: Option<Sequence>,
        upkeep: &mut Option<Upkeep>,
    ) -> Result<Option<Sequence>, RoundError> {
        // Meta first: what it has, the database read afterwards must have as well.
        let meta = self.bus.meta().await?;
        let tip = self.store.feed().await?.tip;
        let published_through = meta.map(|meta| meta.published_through);
        self.counters.see(Seen {
            tip: Some(tip),
            published_through,
        });
        match plan(meta, tip, missed_before) {
            Plan::Rest => {
                if let Some(meta) = &meta {
                    self.keep_up(term, meta, tip, upkeep).await?;
                }
            }
            Plan::Confirm(known) => self.settle(term, known).await?,
            Plan::Rebuild => {
                // What it holds may be another's, e.g. where a copy of Redis took over.
                if let Some(meta) = &meta {
                    self.confirm_history(meta).await?;
                }
                self.rebuild_logged(term).await?;
            }
            Plan::Sweep(meta) => match self.sweep(meta).await? {
                Swept::Done => {}
                Swept::Pruned => self.rebuild_logged(term).await?,
                Swept::Forked(known) => self.settle(term, known).await?,
            },
        }
        Ok(missed_after(meta.as_ref(), tip))
    }

    /// Goes on with what is done slowly. What it finds beyond mending is cured by a rebuild.
    async fn keep_up(
        &self,
        term: u64,
        meta: &Meta,
        tip: Tip,
        upkeep: &mut Option<Upkeep>,
    ) -> Result<(), RoundError> {
        match self.upkeep(term, meta, tip, upkeep).await {
            Err(incurable @ RoundError::Incurable(_)) => {
                warn!(
                    error = %telemetry::chain(&incurable),
                    "only a rebuild helps"
                );
                self.rebuild_logged(term).await
            }
            done => done,
        }
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

/// The last change that the bus knows of.
pub(crate) fn tip_of(meta: &Meta) -> Tip {
    Tip {
        position: meta.position(),
        link: meta.tip,
    }
}
