//! A writer process: the real committer, publisher and leader.

use std::{num::NonZeroUsize, sync::Arc, time::Duration};

use bus::Publisher;
use futures_util::FutureExt;
use shared::{ContentCoding, Representation, Slot};
use tokio::{sync::mpsc, task::JoinHandle};
use writer::{
    commit::{Committer, outbox},
    leader::{Leader, LeaderCounters},
    publish::{PublishCounters, publish},
    render::{Codings, Renderer},
    store::{Action, Mutation, Precondition, Store, Tip},
};

use crate::{
    database::BODY,
    ground::{Gate, Ground},
    history::{Key, resource},
    line::{Line, Speaker},
    store::Connections,
};

/// Writes that wait at most.
const QUEUE_MAX: usize = 64;

/// Batches between commit and publication at most: few, so that some are left to the sweep.
const COMMITTED_MAX: usize = 8;

#[derive(Debug)]
pub(crate) struct Process {
    gate: Arc<Gate>,
    /// The way on which it publishes what it has committed.
    publishing: Arc<Gate>,
    committer: Committer,
    tasks: Vec<JoinHandle<()>>,
    /// When a killed one is started again.
    pub(crate) starts_at: Option<Duration>,
}

impl Process {
    pub(crate) fn start(ground: &Arc<Ground>) -> Self {
        let gate = Arc::new(Gate::new(Arc::clone(ground)));
        let store: Arc<dyn Store> = Arc::new(Connections(Arc::clone(&gate)));
        let publishing = Arc::new(Gate::new(Arc::clone(ground)));
        let line: Arc<dyn Publisher> = Arc::new(Line(Arc::clone(&gate), Speaker::Leader));
        let late: Arc<dyn Publisher> = Arc::new(Line(Arc::clone(&publishing), Speaker::Committer));
        let (outbox, committed) = outbox(COMMITTED_MAX);
        let (committer, commits) =
            Committer::new(Arc::clone(&store), QUEUE_MAX, known(ground), outbox);
        let changes_kept = ground.random().u64(1..10);
        let leader = Leader {
            store,
            bus: line,
            renderer: Renderer::new(Codings::ALL, NonZeroUsize::MIN),
            committer: committer.clone(),
            changes_kept,
            counters: Arc::new(LeaderCounters::default()),
        };
        let counters = Arc::new(PublishCounters::default());
        let tasks = vec![
            tokio::spawn(commits.run()),
            tokio::spawn(publish(committed, late, counters)),
            tokio::spawn(leader.run().map(|never| never)),
        ];
        Self {
            gate,
            publishing,
            committer,
            tasks,
            starts_at: None,
        }
    }

    /// Ends it at once.
    pub(crate) fn kill(&mut self, starts_at: Duration) {
        self.stop();
        self.starts_at = Some(starts_at);
    }

    fn stop(&mut self) {
        for task in self.tasks.drain(..) {
            task.abort();
        }
    }

    /// All of it stands still.
    pub(crate) fn stall(&self, until: Duration) {
        self.gate.stall(until);
        self.publishing.stall(until);
    }

    /// What it has committed is published late.
    pub(crate) fn stall_publishing(&self, until: Duration) {
        self.publishing.stall(until);
    }

    /// A client's write. What is acknowledged goes to `acknowledged`.
    pub(crate) fn write(
        &self,
        key: Key,
        deletes: bool,
        acknowledged: mpsc::UnboundedSender<(Key, Slot)>,
    ) {
        let body = bytes::Bytes::from_static(BODY);
        let representation = Representation::of(ContentCoding::Identity, body.clone());
        let (action, representations) = if deletes {
            (Action::Delete, Vec::new())
        } else {
            let put = Action::Put {
                body,
                expires_at: None,
            };
            (put, vec![representation])
        };
        let mutation = Mutation {
            key: resource(key),
            action,
            precondition: Precondition::None,
            retry: None,
        };
        let Ok(submitted) = self.committer.submit(mutation, representations) else {
            return;
        };
        tokio::spawn(async move {
            if let Ok(outcome) = submitted.outcome().await
                && let Some(committed) = outcome.committed()
            {
                let told = acknowledged.send((key, committed.slot));
                debug_assert!(told.is_ok(), "the world outlives its writes");
            }
        });
    }
}

impl Drop for Process {
    fn drop(&mut self) {
        self.stop();
    }
}

/// The tip that a fresh writer takes from the bus.
fn known(ground: &Ground) -> Option<Tip> {
    let meta = ground.bus.meta().now_or_never()?.ok()??;
    Some(Tip {
        position: meta.position(),
        link: meta.tip,
    })
}
