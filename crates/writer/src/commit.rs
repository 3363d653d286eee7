//! Group commit: many clients' writes, one transaction at a time.
//!
//! The feed lock serialises commits, so a process that committed each write by itself would write
//! as slowly as its disk syncs. Here writes queue while one transaction is in flight, and the next
//! one takes them all, after a moment for the clients that were just answered.

mod contents;
mod counters;
mod failures;
mod gathering;
mod outbox;
mod queue;
mod run;
mod steps;

pub use contents::{CONTENTS_BYTES_MAX, ContentRoom};
pub use counters::CommitCounters;
pub(crate) use failures::FAILURES_INTERVAL;
pub use outbox::{Committed, CommittedBatch, OUTBOX_BYTES_MAX, Outbox, OutboxLevel, outbox};
pub use run::CommitLoop;

use std::sync::Arc;

use shared::{Change, Representation, ResourceKey, Slot, Timestamp, Version};
use telemetry::Span;
use tokio::sync::{oneshot, watch};

use self::{
    contents::Contents,
    queue::{Queue, Queued},
};
use crate::store::{Mutation, Outcome, Store, Tip};

/// Upper bound on the octets of bodies in one batch, unless a single body is larger. What does not
/// fit waits for the next batch.
pub const BATCH_BYTES_MAX: usize = 8 * 1024 * 1024;

/// Upper bound on waiting writes unless configured otherwise. Beyond it writes are refused at once.
pub const QUEUE_MAX: usize = 4096;

/// Upper bound on the octets of the representations of waiting writes, but for those of the last
/// one. Beyond it writes are refused at once.
///
/// A database that stalls amid long documents must not cost the process its memory.
pub const QUEUE_BYTES_MAX: usize = 256 * 1024 * 1024;

/// Where writes go in, one per process. Cheap to clone.
#[derive(Debug, Clone)]
pub struct Committer {
    shared: Arc<Shared>,
}

#[derive(Debug)]
struct Shared {
    contents: Contents,
    queue: Queue,
    counters: CommitCounters,
    tip: watch::Sender<Option<Tip>>,
}

/// A write that is queued. Dropping it before a batch has taken the write gives the write up.
#[derive(Debug)]
#[must_use = "a write that nobody waits for is skipped"]
pub struct Submitted {
    answered: oneshot::Receiver<Result<Outcome, WriteError>>,
}

/// Why a write was not acknowledged.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum WriteError {
    /// Too many writes, or too many octets, wait already; nothing was done.
    #[error("too many writes wait")]
    QueueFull,
    /// The database is away or unfit; nothing was done.
    #[error("the database cannot take writes now")]
    Unavailable,
    /// The database refuses this very document, e.g. as not being JSON; nothing was done.
    #[error("the database refuses the document")]
    Refused,
    /// COMMIT was sent and no answer came: the write may be stored or not.
    #[error("the outcome of the write is unknown")]
    CommitUnknown,
    /// The process is ending; nothing was done.
    #[error("the writer is shutting down")]
    ShuttingDown,
}

/// A change that was committed and acknowledged, ready to be published.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct CommittedChange {
    /// The document.
    pub key: ResourceKey,
    /// Position and links of the change.
    pub slot: Slot,
    /// The document's version after it.
    pub version: Version,
    /// Database time of the change.
    pub updated_at: Timestamp,
    /// When the document ends to be served, if it does.
    pub expires_at: Option<Timestamp>,
    /// The representations that the caller of [`Committer::write`] gave, or a deletion.
    pub change: Change,
    /// Its commit, where the request that asked for it is traced.
    pub step: Span,
}

impl Committer {
    /// A committer and the loop that does its work, to be spawned. Nothing is written until it
    /// runs.
    ///
    /// At most `queue_max` writes wait, and [`QUEUE_BYTES_MAX`]. `known` is the last tip that anybody saw, e.g. in the bus'
    /// meta: the first batch begins a new epoch if the database does not know it.
    ///
    /// Committed changes go to `outbox`. Where that is full or closed they are dropped and counted:
    /// commits never wait for it, and the leader's sweep delivers what it missed.
    pub fn new(
        store: Arc<dyn Store>,
        queue_max: usize,
        known: Option<Tip>,
        outbox: Outbox,
    ) -> (Self, CommitLoop) {
        let committer = Self {
            shared: Arc::new(Shared {
                contents: Contents::new(),
                queue: Queue::new(queue_max),
                counters: CommitCounters::default(),
                tip: watch::Sender::new(known),
            }),
        };
        let commit_loop = CommitLoop::new(Arc::clone(&committer.shared), store, outbox);
        (committer, commit_loop)
    }

    /// Queues a write and waits for its batch. `representations` are what a put is published as,
    /// identity first; a deletion has none.
    ///
    /// Writes to one key are carried out in the order in which they were queued. Where the calling
    /// task is in a step of a trace, the commit becomes a step of it.
    ///
    /// # Errors
    /// Nothing was done, except for [`WriteError::CommitUnknown`].
    ///
    /// # Cancel safety
    /// A write that nobody waits for any more is skipped if no batch has taken it yet, and carried
    /// out otherwise.
    pub async fn write(
        &self,
        mutation: Mutation,
        representations: Vec<Representation>,
    ) -> Result<Outcome, WriteError> {
        match self.enqueue(mutation, representations, Span::current()) {
            Ok(submitted) => submitted.outcome().await,
            Err(refusal) => {
                CommitCounters::add(&self.shared.counters.rejected, 1);
                Err(refusal)
            }
        }
    }

    /// Queues a write and does not wait: [`Self::write`] for callers that keep several in flight.
    ///
    /// A refusal is not counted: such a caller tries again once its earlier writes are answered. Nor
    /// is the commit a step of any trace: so many have no place in one.
    ///
    /// # Errors
    /// [`WriteError::QueueFull`] or [`WriteError::ShuttingDown`]; nothing was done.
    pub fn submit(
        &self,
        mutation: Mutation,
        representations: Vec<Representation>,
    ) -> Result<Submitted, WriteError> {
        self.enqueue(mutation, representations, Span::none())
    }

    fn enqueue(
        &self,
        mutation: Mutation,
        representations: Vec<Representation>,
        request: Span,
    ) -> Result<Submitted, WriteError> {
        let (answer, answered) = oneshot::channel();
        self.shared.queue.push(Queued {
            mutation,
            representations,
            request,
            step: Span::none(),
            answer,
        })?;
        Ok(Submitted { answered })
    }

    /// The last tip that a commit of this process saw, or the one given at the start.
    pub fn tip(&self) -> Option<Tip> {
        *self.shared.tip.borrow()
    }

    /// Follows [`Self::tip`].
    pub fn watch_tip(&self) -> watch::Receiver<Option<Tip>> {
        self.shared.tip.subscribe()
    }

    /// Refuses further writes. The loop commits what is queued, then ends.
    pub fn shut_down(&self) {
        self.shared.queue.close();
    }

    /// What has happened so far.
    pub fn counters(&self) -> &CommitCounters {
        &self.shared.counters
    }

    /// How many writes wait for a batch now.
    pub fn queue_depth(&self) -> usize {
        self.shared.queue.depth()
    }

    /// Octets of the representations of those; [`QUEUE_BYTES_MAX`] at most, but for the last one's.
    pub fn queue_bytes(&self) -> usize {
        self.shared.queue.bytes()
    }
}

impl Submitted {
    /// Waits for the write's batch.
    ///
    /// # Errors
    /// Nothing was done, except for [`WriteError::CommitUnknown`].
    ///
    /// # Cancel safety
    /// As [`Committer::write`].
    pub async fn outcome(self) -> Result<Outcome, WriteError> {
        // The loop answers all that it takes; it can only have ended amid a batch.
        self.answered
            .await
            .unwrap_or(Err(WriteError::CommitUnknown))
    }
}
