//! What became of a batch whose COMMIT was sent and not answered.

use std::time::Duration;

use sqlx::Connection;
use tokio::time::{Instant, sleep};

use super::{Applied, LockedFeed};
use crate::store::{
    Batch, StoreError,
    postgres::{
        PostgresStore,
        session::{OPERATION_TIMEOUT, open, within},
    },
    rows::{column, link},
};

/// Between two tries to reach a database that is away.
const PAUSE: Duration = Duration::from_millis(100);

/// Whether a batch is part of the history.
enum Fate {
    Committed,
    RolledBack,
}

/// Asks until the database answers, for [`super::super::PostgresOptions::resolve_timeout`].
pub(super) async fn resolve(
    store: &PostgresStore,
    applied: Applied,
    lost: sqlx::Error,
) -> Result<Batch, StoreError> {
    let deadline = Instant::now() + store.options.resolve_timeout;
    let mut failure = lost;
    loop {
        match tokio::time::timeout_at(deadline, ask(store, &applied)).await {
            Ok(Ok(Fate::Committed)) => return Ok(applied.batch),
            Ok(Ok(Fate::RolledBack)) => {
                return Err(StoreError::unavailable("committing a batch")(failure));
            }
            Ok(Err(StoreError::Unavailable { source, .. })) => failure = source,
            Ok(Err(other)) => {
                tracing::warn!(error = %other, "the outcome of a commit cannot be looked up");
            }
            Err(_elapsed) => return Err(StoreError::CommitUnknown(failure)),
        }
        if Instant::now() + PAUSE >= deadline {
            return Err(StoreError::CommitUnknown(failure));
        }
        sleep(PAUSE).await;
    }
}

/// On a connection of its own, because the pool's may all be dead. The feed lock comes first: once
/// it is ours, the transaction in question has ended, one way or the other.
async fn ask(store: &PostgresStore, applied: &Applied) -> Result<Fate, StoreError> {
    let mut connection = open(&store.connect).await?;
    let mut transaction =
        within("resolving a commit", OPERATION_TIMEOUT, connection.begin()).await?;
    let feed = LockedFeed::lock(&mut transaction).await?;
    let tip = applied.batch.tip;
    let is_there = if applied.is_marked() {
        let found: Option<i64> = sqlx::query_scalar("SELECT link FROM changes WHERE sequence = $1")
            .bind(column(tip.position.sequence.0))
            .fetch_optional(&mut *transaction)
            .await
            .map_err(StoreError::unavailable("resolving a commit"))?;
        found.is_some_and(|found| link(found) == tip.link)
    } else {
        // Receipts alone are not looked up: told that it failed, clients ask again, and are answered
        // from them or judged anew.
        !applied.has_receipts && feed.tip.position.epoch >= tip.position.epoch
    };
    Ok(if is_there {
        Fate::Committed
    } else {
        Fate::RolledBack
    })
}
