//! The tasks behind the routes: the commit loop, the live publisher and the leader.

use std::{num::NonZeroUsize, sync::Arc, time::Duration};

use bus::Publisher;
use tokio::{
    task::{JoinError, JoinHandle},
    time::timeout,
};
use tracing::warn;

use crate::{
    commit::{Committer, OutboxLevel, QUEUE_MAX, outbox},
    leader::{
        Leader, LeaderCounters,
        audit::{Audit, AuditCounters},
        tip_of,
    },
    publish::{PublishCounters, publish},
    render::{Codings, Renderer},
    store::{Store, Tip},
};

/// Batches that may wait to be published. Beyond it they are left to the leader's sweep.
pub(crate) const PUBLISH_QUEUE_BATCHES: usize = 64;

/// How long a starting writer waits for the bus to tell the last tip. Without it, its first commit
/// cannot tell whether history stands.
const META_PATIENCE: Duration = Duration::from_secs(2);

/// What the routes work with. Cheap to clone.
#[derive(Debug, Clone)]
pub struct Parts {
    /// Where writes go in.
    pub committer: Committer,
    /// Where reads come from.
    pub store: Arc<dyn Store>,
    /// Makes representations.
    pub renderer: Renderer,
    /// What this process does as leader.
    pub leader: Arc<LeaderCounters>,
    /// What its auditor has found; `None` where there is none.
    pub audit: Option<Arc<AuditCounters>>,
    /// What became of its own changes.
    pub publisher: Arc<PublishCounters>,
    /// Batches on their way to the publisher.
    pub publish_queue: OutboxLevel,
}

/// The running tasks.
#[derive(Debug)]
pub struct Engine {
    parts: Parts,
    committing: JoinHandle<()>,
    publishing: JoinHandle<()>,
    leading: JoinHandle<()>,
    /// Never ends by itself.
    auditing: Option<JoinHandle<()>>,
}

impl Engine {
    /// Starts every task. `changes_kept` is how many of the last changes the database keeps; without
    /// `audit` no reader is asked for changes.
    pub async fn start(
        codings: Codings,
        changes_kept: u64,
        audit: Option<Audit>,
        store: Arc<dyn Store>,
        bus: Arc<dyn Publisher>,
    ) -> Self {
        let threads = std::thread::available_parallelism().unwrap_or(NonZeroUsize::MIN);
        let renderer = Renderer::new(codings, threads);
        let (outbox, committed) = outbox(PUBLISH_QUEUE_BATCHES);
        let publish_queue = outbox.level();
        let known = known_tip(&*bus).await;
        let (committer, commit_loop) = Committer::new(Arc::clone(&store), QUEUE_MAX, known, outbox);
        let publisher = Arc::new(PublishCounters::default());
        let leader = Arc::new(LeaderCounters::default());
        let leading = Leader {
            store: Arc::clone(&store),
            bus: Arc::clone(&bus),
            renderer: renderer.clone(),
            committer: committer.clone(),
            changes_kept,
            counters: Arc::clone(&leader),
        };
        let audit_counters = audit.as_ref().map(|audit| Arc::clone(audit.counters()));
        let auditing = audit.map(|audit| {
            let (store, bus) = (Arc::clone(&store), Arc::clone(&bus));
            let leader = Arc::clone(&leader);
            tokio::spawn(async { audit.run(store, bus, leader).await })
        });
        Self {
            auditing,
            committing: tokio::spawn(commit_loop.run()),
            publishing: tokio::spawn(publish(committed, bus, Arc::clone(&publisher))),
            leading: tokio::spawn(async { leading.run().await }),
            parts: Parts {
                committer,
                store,
                renderer,
                leader,
                audit: audit_counters,
                publisher,
                publish_queue,
            },
        }
    }

    /// What the routes work with.
    pub fn parts(&self) -> &Parts {
        &self.parts
    }

    /// Waits until a task ends by itself, which none should.
    ///
    /// # Cancel safety
    /// Cancel safe.
    pub async fn failed(&mut self) -> Option<JoinError> {
        let ended = tokio::select! {
            ended = &mut self.committing => ended,
            ended = &mut self.publishing => ended,
            ended = &mut self.leading => ended,
        };
        ended.err()
    }

    /// Commits what is queued, publishes it, and gives leadership up.
    ///
    /// # Errors
    /// A task had panicked.
    pub async fn finish(self) -> Result<(), JoinError> {
        self.parts.committer.shut_down();
        self.committing.await?;
        // The commit loop held the sending end.
        self.publishing.await?;
        self.leading.abort();
        if let Some(auditing) = self.auditing {
            auditing.abort();
        }
        Ok(())
    }
}

/// The last tip that the bus knows, so that the first commit can tell whether history stands.
async fn known_tip(bus: &dyn Publisher) -> Option<Tip> {
    match timeout(META_PATIENCE, bus.meta()).await {
        Ok(Ok(meta)) => meta.as_ref().map(tip_of),
        Ok(Err(error)) => {
            warn!(
                error = %telemetry::chain(&error),
                "the bus is away: the database's history is taken as it is"
            );
            None
        }
        Err(_) => {
            warn!("the bus does not answer: the database's history is taken as it is");
            None
        }
    }
}
