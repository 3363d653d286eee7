//! The position reached, for reads that wait for it.

use std::{sync::Arc, time::Duration};

use shared::{Epoch, Position};
use tokio::{
    sync::{Semaphore, watch},
    time::timeout,
};

/// How long a read waits for a position.
pub const WAIT_MAX: Duration = Duration::from_secs(1);

/// Reads that wait at once, over all threads; one more is not let wait.
pub const WAITERS_MAX: usize = 1024;

/// Why a position is not awaited any longer.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum NotReached {
    /// Its epoch has ended: the reader is in this one.
    EpochEnded(Epoch),
    /// It was not reached within [`WAIT_MAX`].
    TooLate,
    /// [`WAITERS_MAX`] reads wait already.
    TooMany,
}

/// Tells of the position. There is one, held by whoever follows the feed.
#[derive(Debug)]
pub struct Reaching(watch::Sender<Option<Position>>);

/// The position, on any thread. Cloning it shares it, and the room for those that wait.
#[derive(Debug, Clone)]
pub struct Reached {
    position: watch::Receiver<Option<Position>>,
    room: Arc<Semaphore>,
}

/// Both ends, of a reader that holds nothing yet.
pub fn reached() -> (Reaching, Reached) {
    let (sender, position) = watch::channel(None);
    let room = Arc::new(Semaphore::new(WAITERS_MAX));
    (Reaching(sender), Reached { position, room })
}

impl Reaching {
    /// Everything at or below `position` is in the catalog. Wakes those that wait.
    pub fn tell(&self, position: Option<Position>) {
        self.0.send_if_modified(|held| {
            let moved = *held != position;
            *held = position;
            moved
        });
    }
}

impl Reached {
    /// Whether the reader holds everything at or below `asked`, and `asked`'s epoch goes on.
    pub fn has(&self, asked: Position) -> bool {
        judge(*self.position.borrow(), asked) == Some(Ok(()))
    }

    /// Waits until the reader holds everything at or below `asked`.
    ///
    /// # Errors
    /// It does not, and waiting longer is of no use or not possible.
    pub async fn at_least(&self, asked: Position) -> Result<(), NotReached> {
        let mut position = self.position.clone();
        if let Some(answer) = judge(*position.borrow_and_update(), asked) {
            return answer;
        }
        let _room = self.room.try_acquire().or(Err(NotReached::TooMany))?;
        let reaching = position.wait_for(|held| judge(*held, asked).is_some());
        match timeout(WAIT_MAX, reaching).await {
            Ok(Ok(held)) => judge(*held, asked).unwrap_or(Err(NotReached::TooLate)),
            // Whoever told of the position has ended.
            Ok(Err(_)) | Err(_) => Err(NotReached::TooLate),
        }
    }
}

/// What can be said already; nothing, while the position may still be reached.
fn judge(held: Option<Position>, asked: Position) -> Option<Result<(), NotReached>> {
    let held = held?;
    if asked.epoch < held.epoch {
        Some(Err(NotReached::EpochEnded(held.epoch)))
    } else {
        (asked <= held).then_some(Ok(()))
    }
}
