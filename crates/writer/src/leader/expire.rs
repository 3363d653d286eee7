//! Expiry: deletes what has expired, as any client would, so that it becomes a tombstone and leaves
//! every reader's memory.
//!
//! Nothing depends on it being prompt: readers and the writer do not serve an expired document,
//! deleted or not. It needs no bus.

use std::{sync::atomic::Ordering, time::Duration};

use futures_util::future::join_all;
use tokio::time::sleep;
use tracing::warn;

use super::Leader;
use crate::{
    commit::WriteError,
    store::{Action, Mutation, Outcome, Precondition, StoreError},
};

/// Documents deleted in one go: half of a batch, so that clients' writes find room in it.
const AT_ONCE: u32 = 256;

/// How long the leader waits once nothing more is to be deleted.
const PAUSE: Duration = Duration::from_secs(1);

impl Leader {
    /// Deletes what expires, for ever.
    pub(super) async fn expire(&self) -> ! {
        loop {
            let deleted = self.expire_some().await.unwrap_or_else(|error| {
                warn!(
                    error = %telemetry::chain(&error),
                    "cannot look for expired documents"
                );
                0
            });
            if deleted < AT_ONCE as usize {
                sleep(PAUSE).await;
            }
        }
    }

    /// Deletes at most [`AT_ONCE`] documents and says how many.
    pub(super) async fn expire_some(&self) -> Result<usize, StoreError> {
        let expired = self.store.expired(AT_ONCE).await?;
        let deletions = expired.into_iter().map(|(key, version)| {
            let deletion = Mutation {
                key,
                action: Action::Delete,
                // One written again meanwhile stays.
                precondition: Precondition::Version(version),
                retry: None,
            };
            self.committer.write(deletion, Vec::new())
        });
        let mut deleted = 0;
        for outcome in join_all(deletions).await {
            match outcome {
                Ok(Outcome::Deleted(_)) => deleted += 1,
                // What the queue refused, the next look finds again.
                Ok(_) | Err(WriteError::QueueFull | WriteError::ShuttingDown) => {}
                Err(error) => warn!(%error, "an expired document was not deleted"),
            }
        }
        self.counters
            .expired
            .fetch_add(deleted as u64, Ordering::Relaxed);
        Ok(deleted)
    }
}
