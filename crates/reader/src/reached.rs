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
    /// Its epoch has ended: the reader knows of this one.
    EpochEnded(Epoch),
    /// It was not reached within [`WAIT_MAX`].
    TooLate,
    /// [`WAITERS_MAX`] reads wait already.
    TooMany,
}

/// What is told.
#[derive(Debug, Clone, Copy)]
struct Told {
    position: Option<Position>,
    /// The latest epoch known of. While its documents come, the position still is of the one before,
    /// but what is served may be of either.
    epoch: Epoch,
}

/// Tells of the position. There is one, held by whoever follows the feed.
#[derive(Debug)]
pub struct Reaching(watch::Sender<Told>);

/// The position, on any thread. Cloning it shares it, and the room for those that wait.
#[derive(Debug, Clone)]
pub struct Reached {
    told: watch::Receiver<Told>,
    room: Arc<Semaphore>,
}

/// Both ends, of a reader that holds nothing yet.
pub fn reached() -> (Reaching, Reached) {
    let (sender, told) = watch::channel(Told {
        position: None,
        epoch: Epoch(0),
    });
    let room = Arc::new(Semaphore::new(WAITERS_MAX));
    (Reaching(sender), Reached { told, room })
}

impl Reaching {
    /// Everything at or below `position` is in the catalog. Wakes those that wait.
    pub fn tell(&self, position: Option<Position>) {
        self.0.send_if_modified(|told| {
            let moved = told.position != position;
            told.position = position;
            moved
        });
    }

    /// The epochs before this one have ended. To be told before anything of it is in the catalog.
    pub fn begin_epoch(&self, epoch: Epoch) {
        self.0.send_if_modified(|told| {
            let begun = told.epoch < epoch;
            told.epoch = told.epoch.max(epoch);
            begun
        });
    }
}

impl Reached {
    /// Whether the reader holds everything at or below `asked`, and `asked`'s epoch goes on.
    pub fn has(&self, asked: Position) -> bool {
        judge(*self.told.borrow(), asked) == Some(Ok(()))
    }

    /// Whether `asked`'s epoch still goes on: what was looked up since the reader held `asked` may
    /// else be of a later one.
    ///
    /// # Errors
    /// It has ended.
    pub fn goes_on(&self, asked: Position) -> Result<(), NotReached> {
        judge(*self.told.borrow(), asked).unwrap_or(Ok(()))
    }

    /// Waits until the reader holds everything at or below `asked`.
    ///
    /// # Errors
    /// It does not, and waiting longer is of no use or not possible.
    pub async fn at_least(&self, asked: Position) -> Result<(), NotReached> {
        let mut told = self.told.clone();
        if let Some(answer) = judge(*told.borrow_and_update(), asked) {
            return answer;
        }
        let _room = self.room.try_acquire().or(Err(NotReached::TooMany))?;
        let reaching = told.wait_for(|told| judge(*told, asked).is_some());
        match timeout(WAIT_MAX, reaching).await {
            Ok(Ok(told)) => judge(*told, asked).unwrap_or(Err(NotReached::TooLate)),
            // Whoever told of the position has ended.
            Ok(Err(_)) | Err(_) => Err(NotReached::TooLate),
        }
    }
}

/// What can be said already; nothing, while the position may still be reached.
fn judge(told: Told, asked: Position) -> Option<Result<(), NotReached>> {
    let held = told.position?;
    let epoch = told.epoch.max(held.epoch);
    if asked.epoch < epoch {
        Some(Err(NotReached::EpochEnded(epoch)))
    } else {
        (asked <= held).then_some(Ok(()))
    }
}
