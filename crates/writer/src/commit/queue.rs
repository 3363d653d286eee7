//! Writes that wait for a batch.

use std::{
    collections::{HashSet, VecDeque},
    sync::{Mutex, MutexGuard, PoisonError},
};

use shared::Representation;
use tokio::sync::{Notify, oneshot};

use super::{BATCH_BYTES_MAX, WriteError};
use crate::store::{Action, BATCH_MAX, Mutation, Outcome, Retry};

/// One write with the way back to its caller.
#[derive(Debug)]
pub(super) struct Queued {
    pub(super) mutation: Mutation,
    pub(super) representations: Vec<Representation>,
    pub(super) answer: oneshot::Sender<Result<Outcome, WriteError>>,
}

/// What the loop takes at once.
#[derive(Debug, Default)]
pub(super) struct Taken {
    /// The next batch: each key once.
    pub(super) batch: Vec<Queued>,
    /// Writes passed over because nobody waits for them.
    pub(super) abandoned: usize,
}

/// A bounded queue. A write that finds it full is refused at once.
#[derive(Debug)]
pub(super) struct Queue {
    writes_max: usize,
    state: Mutex<State>,
    /// Tells the one loop that the state has changed.
    changed: Notify,
}

#[derive(Debug)]
struct State {
    waiting: VecDeque<Queued>,
    is_closed: bool,
}

impl Queue {
    pub(super) fn new(writes_max: usize) -> Self {
        Self {
            writes_max,
            state: Mutex::new(State {
                waiting: VecDeque::new(),
                is_closed: false,
            }),
            changed: Notify::new(),
        }
    }

    pub(super) fn push(&self, queued: Queued) -> Result<(), WriteError> {
        let mut state = self.lock();
        if state.is_closed {
            return Err(WriteError::ShuttingDown);
        }
        if state.waiting.len() >= self.writes_max {
            return Err(WriteError::QueueFull);
        }
        state.waiting.push_back(queued);
        drop(state);
        self.changed.notify_one();
        Ok(())
    }

    pub(super) fn depth(&self) -> usize {
        self.lock().waiting.len()
    }

    /// Refuses what comes from now on.
    pub(super) fn close(&self) {
        self.lock().is_closed = true;
        self.changed.notify_one();
    }

    /// Refuses what comes and gives back what waits.
    pub(super) fn abort(&self) -> VecDeque<Queued> {
        let mut state = self.lock();
        state.is_closed = true;
        std::mem::take(&mut state.waiting)
    }

    /// Waits for writes and takes a batch of them; `None` once the queue is closed and empty.
    pub(super) async fn take(&self) -> Option<Taken> {
        loop {
            {
                let mut state = self.lock();
                if !state.waiting.is_empty() {
                    return Some(take_batch(&mut state.waiting));
                }
                if state.is_closed {
                    return None;
                }
            }
            self.changed.notified().await;
        }
    }

    /// Nothing that runs under this lock panics halfway through a change.
    fn lock(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Takes from the front what fits one batch. A second write to a key stays, and so do all later
/// ones to that key: their order is kept. So does a write's retry.
fn take_batch(waiting: &mut VecDeque<Queued>) -> Taken {
    let mut taken = Taken::default();
    let mut keys = HashSet::new();
    let mut retries = HashSet::new();
    let mut bytes = 0;
    let mut left = VecDeque::with_capacity(waiting.len());
    while let Some(queued) = waiting.pop_front() {
        if queued.answer.is_closed() {
            taken.abandoned += 1;
            continue;
        }
        let is_repeated = |retry: &Retry| retries.contains(&retry.key);
        if keys.contains(&queued.mutation.key) {
            left.push_back(queued);
            continue;
        }
        if queued.mutation.retry.as_deref().is_some_and(is_repeated) {
            // It finds the first one's receipt. Later writes to its document stay behind it.
            keys.insert(queued.mutation.key.clone());
            left.push_back(queued);
            continue;
        }
        let size = body_bytes(&queued.mutation);
        let is_full = taken.batch.len() == BATCH_MAX
            || (bytes + size > BATCH_BYTES_MAX && !taken.batch.is_empty());
        if is_full {
            left.push_back(queued);
            break;
        }
        bytes += size;
        keys.insert(queued.mutation.key.clone());
        retries.extend(queued.mutation.retry.as_ref().map(|retry| retry.key));
        taken.batch.push(queued);
    }
    left.append(waiting);
    *waiting = left;
    taken
}

fn body_bytes(mutation: &Mutation) -> usize {
    match &mutation.action {
        Action::Put { body, .. } => body.len(),
        Action::Delete => 0,
    }
}
