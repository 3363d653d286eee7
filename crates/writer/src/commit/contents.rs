//! Room for the contents of writes that are not queued yet.

use std::sync::Arc;

use tokio::sync::{OwnedSemaphorePermit, Semaphore};

use super::{CommitCounters, Committer, Shared, WriteError};

/// Upper bound on the octets of contents that are being received, over all connections, or whose
/// writes are not answered yet. Beyond it writes are refused.
///
/// Each connection may bring one content, and there may be thousands of them.
pub const CONTENTS_BYTES_MAX: usize = 256 * 1024 * 1024;

/// All the room there is.
#[derive(Debug)]
pub(super) struct Contents {
    /// A permit per octet.
    room: Arc<Semaphore>,
}

/// The room that the content of one write takes, until this is dropped.
#[derive(Debug)]
#[must_use = "the room is free again once this is dropped"]
pub struct ContentRoom {
    shared: Arc<Shared>,
    /// None before the first octets.
    taken: Option<OwnedSemaphorePermit>,
}

impl Contents {
    pub(super) fn new() -> Self {
        Self {
            room: Arc::new(Semaphore::new(CONTENTS_BYTES_MAX)),
        }
    }

    fn take(&self, bytes: usize) -> Result<OwnedSemaphorePermit, WriteError> {
        let bytes = u32::try_from(bytes).map_err(|_above| WriteError::QueueFull)?;
        let taken = Arc::clone(&self.room).try_acquire_many_owned(bytes);
        taken.map_err(|_none| WriteError::QueueFull)
    }
}

impl Committer {
    /// Room for the content of a write: none yet. What comes takes it octet by octet, not what is
    /// declared, so that those who only declare take it from nobody.
    pub fn content_room(&self) -> ContentRoom {
        ContentRoom {
            shared: Arc::clone(&self.shared),
            taken: None,
        }
    }

    /// Octets of contents that are being received or whose writes are not answered yet.
    pub fn contents_bytes(&self) -> usize {
        CONTENTS_BYTES_MAX - self.shared.contents.room.available_permits()
    }
}

impl ContentRoom {
    /// Takes room for more octets.
    ///
    /// # Errors
    /// [`WriteError::QueueFull`], counted: there is not so much.
    pub fn take(&mut self, bytes: usize) -> Result<(), WriteError> {
        match self.shared.contents.take(bytes) {
            Ok(more) => {
                match &mut self.taken {
                    Some(taken) => taken.merge(more),
                    None => self.taken = Some(more),
                }
                Ok(())
            }
            Err(full) => {
                CommitCounters::add(&self.shared.counters.rejected, 1);
                Err(full)
            }
        }
    }
}
