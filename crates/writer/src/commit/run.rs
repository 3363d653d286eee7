//! The loop that commits one batch after the other.

use std::{iter::zip, sync::Arc};

use shared::Change;
use tokio::{sync::oneshot, time::Instant};

use super::{
    CommitCounters, CommittedChange, Outbox, Shared, WriteError, failures::Failures, queue::Queued,
    steps,
};
use crate::store::{Action, Batch, Mutation, Outcome, Store, StoreError};

/// The way back to a caller.
type Answer = oneshot::Sender<Result<Outcome, WriteError>>;

/// Takes what is queued, commits it and answers; see [`super::Committer`]. Dropping it refuses what
/// is queued.
#[derive(Debug)]
#[must_use = "nothing is committed unless it runs"]
pub struct CommitLoop {
    shared: Arc<Shared>,
    store: Arc<dyn Store>,
    outbox: Outbox,
    failures: Failures,
}

impl CommitLoop {
    pub(super) fn new(shared: Arc<Shared>, store: Arc<dyn Store>, outbox: Outbox) -> Self {
        Self {
            shared,
            store,
            outbox,
            failures: Failures::default(),
        }
    }

    /// Runs until [`super::Committer::shut_down`] was called and the queue is empty.
    ///
    /// # Cancel safety
    /// Dropping it amid a batch leaves that batch's outcome unknown, and its callers are told so.
    pub async fn run(self) {
        while let Some(taken) = self.shared.queue.take().await {
            CommitCounters::add(&self.shared.counters.abandoned, taken.abandoned);
            if !taken.batch.is_empty() {
                self.commit(taken.batch).await;
            }
        }
    }

    /// Commits a batch. One that the database refuses is halved, until the mutation at fault stands
    /// alone: its neighbours are committed.
    async fn commit(&self, batch: Vec<Queued>) {
        let mut parts = vec![batch];
        while let Some(mut part) = parts.pop() {
            let begun = Instant::now();
            steps::begin(&mut part, self.store.system());
            let committed = self.commit_part(&part).await;
            let took = begun.elapsed();
            self.shared.counters.latency.record(took);
            match committed {
                Ok(batch) => {
                    self.shared.queue.expect(part.len(), took);
                    self.succeed(part, batch);
                }
                Err(StoreError::Refused(_)) if part.len() > 1 => {
                    steps::fail(&part, "one of the batch was refused");
                    let second = part.split_off(part.len() / 2);
                    parts.push(second);
                    parts.push(part);
                }
                Err(error) => self.fail(part, &error),
            }
        }
    }

    async fn commit_part(&self, part: &[Queued]) -> Result<Batch, StoreError> {
        let known = *self.shared.tip.borrow();
        let mutations: Vec<Mutation> = part.iter().map(|queued| queued.mutation.clone()).collect();
        self.store.commit(known, &mutations).await
    }

    fn succeed(&self, part: Vec<Queued>, batch: Batch) {
        self.failures.note_success();
        let counters = &self.shared.counters;
        CommitCounters::add(&counters.batches, 1);
        CommitCounters::add(&counters.mutations, part.len());
        if batch.began_epoch {
            CommitCounters::add(&counters.epochs, 1);
            tracing::warn!(
                epoch = batch.tip.position.epoch.0,
                "the database's history had broken; a new epoch began"
            );
        }
        self.shared.tip.send_replace(Some(batch.tip));
        let mut changes = Vec::new();
        let mut replayed = 0;
        let mut answers = Vec::with_capacity(part.len());
        for (queued, outcome) in zip(part, batch.outcomes) {
            replayed += usize::from(matches!(outcome, Outcome::Replayed(_)));
            let slot = outcome.committed().map(|committed| committed.slot);
            steps::succeed(&queued.step, slot);
            let (answer, change) = committed_change(queued, &outcome);
            changes.extend(change);
            answers.push((answer, outcome));
        }
        CommitCounters::add(&counters.changes, changes.len());
        CommitCounters::add(&counters.replayed, replayed);
        self.hand_over(changes);
        for (answer, outcome) in answers {
            answer_if_awaited(answer.send(Ok(outcome)));
        }
    }

    fn hand_over(&self, changes: Vec<CommittedChange>) {
        if changes.is_empty() {
            return;
        }
        if let Err(dropped) = self.outbox.put(changes) {
            CommitCounters::add(&self.shared.counters.dropped, dropped.len());
        }
    }

    /// Logged here, at most once for all that wait: none of them can know more.
    fn fail(&self, part: Vec<Queued>, error: &StoreError) {
        let counters = &self.shared.counters;
        let (counter, answer, how) = match error {
            StoreError::Refused(_) => (&counters.refused, WriteError::Refused, "refused"),
            StoreError::CommitUnknown(_) => {
                (&counters.unknown, WriteError::CommitUnknown, "unknown")
            }
            StoreError::Unavailable { .. }
            | StoreError::Unsuitable(_)
            | StoreError::Migrate(_)
            | StoreError::Unexpected(_) => {
                (&counters.failed, WriteError::Unavailable, "unavailable")
            }
        };
        CommitCounters::add(counter, part.len());
        steps::first(&part).within(|| self.failures.note(error, part.len()));
        steps::fail(&part, how);
        for queued in part {
            answer_if_awaited(queued.answer.send(Err(answer)));
        }
    }
}

impl Drop for CommitLoop {
    /// Whoever still waits would wait for ever.
    fn drop(&mut self) {
        for queued in self.shared.queue.abort() {
            answer_if_awaited(queued.answer.send(Err(WriteError::ShuttingDown)));
        }
    }
}

fn committed_change(queued: Queued, outcome: &Outcome) -> (Answer, Option<CommittedChange>) {
    let Queued {
        mutation,
        representations,
        step,
        answer,
        request: _,
    } = queued;
    let change = outcome.committed().map(|committed| {
        let (change, expires_at) = match mutation.action {
            Action::Put { expires_at, .. } => (Change::Put(representations), expires_at),
            Action::Delete => (Change::Delete, None),
        };
        CommittedChange {
            key: mutation.key,
            slot: committed.slot,
            version: committed.version,
            updated_at: committed.updated_at,
            expires_at,
            change,
            step,
        }
    });
    (answer, change)
}

/// A caller that has given up needs no answer.
fn answer_if_awaited(_sent: Result<(), Result<Outcome, WriteError>>) {}
