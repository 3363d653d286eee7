//! Writes that wait for a batch.

#[cfg(test)]
mod tests;

use std::{
    collections::{HashSet, VecDeque},
    sync::{Mutex, MutexGuard, PoisonError},
    time::Duration,
};

use shared::Representation;
use telemetry::Span;
use tokio::{
    sync::{Notify, oneshot},
    time::{Instant, timeout_at},
};

use super::{BATCH_BYTES_MAX, QUEUE_BYTES_MAX, WriteError, gathering::Gathering};
use crate::store::{Action, BATCH_MAX, Mutation, Outcome, Retry};

/// One write with the way back to its caller.
#[derive(Debug)]
pub(super) struct Queued {
    pub(super) mutation: Mutation,
    pub(super) representations: Vec<Representation>,
    /// The request that asks for it, if that is traced.
    pub(super) request: Span,
    /// Its commit, once that has begun.
    pub(super) step: Span,
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
    /// What the representations of those have together, in octets.
    waiting_bytes: usize,
    is_closed: bool,
    gathering: Gathering,
}

impl Queue {
    pub(super) fn new(writes_max: usize) -> Self {
        Self {
            writes_max,
            state: Mutex::new(State {
                waiting: VecDeque::new(),
                waiting_bytes: 0,
                is_closed: false,
                gathering: Gathering::default(),
            }),
            changed: Notify::new(),
        }
    }

    pub(super) fn push(&self, queued: Queued) -> Result<(), WriteError> {
        let mut state = self.lock();
        if state.is_closed {
            return Err(WriteError::ShuttingDown);
        }
        if state.waiting.len() >= self.writes_max || state.waiting_bytes >= QUEUE_BYTES_MAX {
            return Err(WriteError::QueueFull);
        }
        state.waiting_bytes += held_bytes(&queued);
        state.waiting.push_back(queued);
        let waiting = state.waiting.len();
        // Amid a gathering the loop need not wake for each.
        let is_awaited = waiting == 1 || state.gathering.is_complete(waiting);
        drop(state);
        if is_awaited {
            self.changed.notify_one();
        }
        Ok(())
    }

    pub(super) fn depth(&self) -> usize {
        self.lock().waiting.len()
    }

    pub(super) fn bytes(&self) -> usize {
        self.lock().waiting_bytes
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
        state.waiting_bytes = 0;
        std::mem::take(&mut state.waiting)
    }

    /// As many writes as this are about to be answered, after a commit that took so long: the next
    /// [`Self::take`] waits a moment for those clients.
    pub(super) fn expect(&self, answered: usize, took: Duration) {
        let mut state = self.lock();
        let waiting = state.waiting.len();
        state
            .gathering
            .begin(waiting, answered, Instant::now(), took);
    }

    /// Waits for writes and takes a batch of them; `None` once the queue is closed and empty.
    pub(super) async fn take(&self) -> Option<Taken> {
        loop {
            let until = {
                let mut state = self.lock();
                let waiting = state.waiting.len();
                let until = state.gathering.until(waiting, Instant::now());
                if state.is_closed && waiting == 0 {
                    return None;
                }
                if waiting > 0 && (until.is_none() || state.is_closed) {
                    let taken = take_batch(&mut state);
                    let left = state.waiting.len();
                    state.gathering.end(waiting, left);
                    return Some(taken);
                }
                until
            };
            let changed = self.changed.notified();
            match until {
                // Whether it changed or time is up, there is something to look at.
                Some(until) => drop(timeout_at(until, changed).await),
                None => changed.await,
            }
        }
    }

    /// Nothing that runs under this lock panics halfway through a change.
    fn lock(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Takes from the front what fits one batch. A second write to a key stays, and so do all later
/// ones to that key: their order is kept. So does a write's retry.
fn take_batch(state: &mut State) -> Taken {
    let State {
        waiting,
        waiting_bytes,
        ..
    } = state;
    let mut taken = Taken::default();
    let mut keys = HashSet::new();
    let mut retries = HashSet::new();
    let mut bytes = 0;
    let mut left = VecDeque::with_capacity(waiting.len());
    while let Some(queued) = waiting.pop_front() {
        if queued.answer.is_closed() {
            *waiting_bytes -= held_bytes(&queued);
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
        *waiting_bytes -= held_bytes(&queued);
        keys.insert(queued.mutation.key.clone());
        retries.extend(queued.mutation.retry.as_ref().map(|retry| retry.key));
        taken.batch.push(queued);
    }
    left.append(waiting);
    *waiting = left;
    taken
}

/// What a waiting write keeps in memory but for a few hundred octets: its body is the identity
/// representation.
fn held_bytes(queued: &Queued) -> usize {
    let representations = queued.representations.iter();
    representations.map(|one| one.octets.len()).sum()
}

fn body_bytes(mutation: &Mutation) -> usize {
    match &mutation.action {
        Action::Put { body, .. } => body.len(),
        Action::Delete => 0,
    }
}
