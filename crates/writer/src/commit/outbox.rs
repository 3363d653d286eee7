//! Committed changes on their way to whoever publishes them.

#[cfg(test)]
mod tests;

use std::sync::Arc;

use shared::Change;
use tokio::sync::{OwnedSemaphorePermit, Semaphore, mpsc};

use super::CommittedChange;

/// Upper bound on the octets of representations on their way, but for those of a batch that is alone.
/// What does not fit is left to the leader's sweep.
///
/// A bus that is slow amid long documents must not cost the process its memory.
pub const OUTBOX_BYTES_MAX: usize = 64 * 1024 * 1024;

/// Octets as a semaphore counts them; what is above counts as all there is.
#[expect(
    clippy::cast_possible_truncation,
    reason = "checked by the assertion below"
)]
const BYTES_MAX: u32 = OUTBOX_BYTES_MAX as u32;
const _: () = assert!(BYTES_MAX as usize == OUTBOX_BYTES_MAX);

/// An outbox for at most `batches_max` batches and [`OUTBOX_BYTES_MAX`] octets, and its other end.
pub fn outbox(batches_max: usize) -> (Outbox, Committed) {
    let (sender, receiver) = mpsc::channel(batches_max);
    let room = Arc::new(Semaphore::new(OUTBOX_BYTES_MAX));
    (Outbox { sender, room }, Committed { receiver })
}

/// Where batches go in. The other end has no more once this is dropped.
#[derive(Debug)]
pub struct Outbox {
    sender: mpsc::Sender<CommittedBatch>,
    /// A permit per octet.
    room: Arc<Semaphore>,
}

/// Where batches come out, in order.
#[derive(Debug)]
pub struct Committed {
    receiver: mpsc::Receiver<CommittedBatch>,
}

/// The changes of one batch, in order of their sequences. They take room until it is dropped.
#[derive(Debug)]
pub struct CommittedBatch {
    /// One at least.
    pub changes: Vec<CommittedChange>,
    room: OwnedSemaphorePermit,
}

/// How full an outbox is. Keeps nobody waiting for more. Cheap to clone.
#[derive(Debug, Clone)]
pub struct OutboxLevel {
    sender: mpsc::WeakSender<CommittedBatch>,
    room: Arc<Semaphore>,
}

impl Outbox {
    /// Puts a batch in, without waiting.
    ///
    /// # Errors
    /// There is no room, or nobody takes from it any more: the changes come back.
    pub fn put(&self, changes: Vec<CommittedChange>) -> Result<(), Vec<CommittedChange>> {
        let bytes = changes.iter().map(held_bytes).sum::<usize>();
        let bytes = u32::try_from(bytes).unwrap_or(BYTES_MAX).min(BYTES_MAX);
        let Ok(room) = Arc::clone(&self.room).try_acquire_many_owned(bytes) else {
            return Err(changes);
        };
        let batch = CommittedBatch { changes, room };
        let put = self.sender.try_send(batch);
        put.map_err(|refused| refused.into_inner().changes)
    }

    /// Watches how full it is.
    pub fn level(&self) -> OutboxLevel {
        OutboxLevel {
            sender: self.sender.downgrade(),
            room: Arc::clone(&self.room),
        }
    }
}

impl Committed {
    /// The next batch; `None` once there will be no more.
    ///
    /// # Cancel safety
    /// Cancel safe.
    pub async fn next(&mut self) -> Option<CommittedBatch> {
        self.receiver.recv().await
    }

    /// The next batch, if it is there.
    pub fn try_next(&mut self) -> Option<CommittedBatch> {
        self.receiver.try_recv().ok()
    }
}

impl CommittedBatch {
    /// Octets of representations in it, [`OUTBOX_BYTES_MAX`] at most.
    pub(crate) fn bytes(&self) -> usize {
        self.room.num_permits()
    }

    /// Adds a batch that came after it.
    pub(crate) fn append(&mut self, later: Self) {
        self.changes.extend(later.changes);
        self.room.merge(later.room);
    }
}

impl OutboxLevel {
    /// How many batches wait.
    pub fn batches(&self) -> usize {
        let sender = self.sender.upgrade();
        sender.map_or(0, |sender| sender.max_capacity() - sender.capacity())
    }

    /// Octets of what waits or is being published.
    pub fn bytes(&self) -> usize {
        OUTBOX_BYTES_MAX - self.room.available_permits()
    }
}

/// What a change keeps in memory but for a few hundred octets.
fn held_bytes(change: &CommittedChange) -> usize {
    match &change.change {
        Change::Put(representations) => representations.iter().map(|one| one.octets.len()).sum(),
        Change::Delete => 0,
    }
}
