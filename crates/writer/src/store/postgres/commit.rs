//! Writing to PostgreSQL: every transaction that advances the feed.

mod apply;
mod feed_lock;
pub(super) mod receipts;
mod resolve;

use sqlx::{Connection, Postgres, Transaction, postgres::PgConnection};

use self::{apply::Applied, feed_lock::LockedFeed};
use super::{
    PostgresStore,
    session::{COMMIT_CONNECTIONS_MAX, OPERATION_TIMEOUT, in_time},
    settle,
};
use crate::store::{Batch, Mutation, StoreError, Tip, mutation::assert_batch, receipt::Repeated};

/// Where a batch's transaction failed.
enum Failure {
    /// BEGIN failed: the connection may have died while it was idle. Nothing was changed.
    AtBegin(StoreError),
    /// COMMIT was not sent: nothing was changed.
    Before(StoreError),
    /// COMMIT was sent: only the database knows.
    AtCommit(Applied, sqlx::Error),
}

pub(super) async fn commit(
    store: &PostgresStore,
    known: Option<Tip>,
    batch: &[Mutation],
) -> Result<Batch, StoreError> {
    assert_batch(batch);
    // BEGIN tells whether an idle connection still lives, so none is asked before it. Each that is
    // found dead leaves the pool; after those that it can hold comes a new one.
    let mut dead_max = COMMIT_CONNECTIONS_MAX;
    loop {
        let mut connection = store
            .commits
            .acquire()
            .await
            .map_err(StoreError::unavailable("committing a batch"))?;
        return match transact(&mut connection, known, batch).await {
            Ok(applied) => Ok(applied.batch),
            Err(Failure::AtBegin(_)) if dead_max > 0 => {
                dead_max -= 1;
                drop(connection.detach());
                continue;
            }
            Err(Failure::AtBegin(error) | Failure::Before(error)) => settle(connection, Err(error)),
            Err(Failure::AtCommit(applied, lost)) => {
                // Closing this side's socket lets the server end a session that still waits.
                drop(connection.detach());
                resolve::resolve(store, applied, lost).await
            }
        };
    }
}

async fn transact(
    connection: &mut PgConnection,
    known: Option<Tip>,
    batch: &[Mutation],
) -> Result<Applied, Failure> {
    let failed = |error| Failure::Before(StoreError::unavailable("committing a batch")(error));
    let prepared = in_time(OPERATION_TIMEOUT, async {
        let mut transaction = match connection.begin().await {
            Ok(transaction) => transaction,
            Err(error) => {
                let error = StoreError::unavailable("beginning a batch")(error);
                return Ok(Err(Failure::AtBegin(error)));
            }
        };
        let applied = write(&mut transaction, known, batch).await;
        Ok(applied
            .map(|applied| (transaction, applied))
            .map_err(Failure::Before))
    });
    let (transaction, applied) = prepared.await.map_err(failed).flatten()?;
    if applied.is_empty() {
        // Nothing to make durable: spare the flush. What it judged was committed by others.
        let rolled_back = in_time(OPERATION_TIMEOUT, transaction.rollback()).await;
        return rolled_back
            .map(|()| applied)
            .map_err(StoreError::unavailable("ending a batch"))
            .map_err(Failure::Before);
    }
    match in_time(OPERATION_TIMEOUT, transaction.commit()).await {
        Ok(()) => Ok(applied),
        Err(error) => Err(Failure::AtCommit(applied, error)),
    }
}

async fn write(
    transaction: &mut Transaction<'_, Postgres>,
    known: Option<Tip>,
    batch: &[Mutation],
) -> Result<Applied, StoreError> {
    let feed = LockedFeed::lock(transaction).await?;
    let (tip, began_epoch) = match known {
        Some(known) if !feed.holds(transaction, &known).await? => {
            (feed.begin_epoch(transaction, Some(known)).await?, true)
        }
        None if !feed.is_at_home => (feed.begin_epoch(transaction, None).await?, true),
        _ => (feed.tip, false),
    };
    if Repeated::may_have(batch) {
        receipts::apply(transaction, tip, began_epoch, batch).await
    } else {
        apply::apply(transaction, tip, began_epoch, batch).await
    }
}

pub(super) async fn confirm(store: &PostgresStore, known: Tip) -> Result<Tip, StoreError> {
    let batch = commit(store, Some(known), &[]).await?;
    Ok(batch.tip)
}

pub(super) async fn begin_epoch(store: &PostgresStore) -> Result<Tip, StoreError> {
    let mut connection = store.acquire("beginning an epoch").await?;
    let begun = in_time(OPERATION_TIMEOUT, async {
        let mut transaction = connection.begin().await?;
        let begun = begin(&mut transaction).await;
        if begun.is_ok() {
            transaction.commit().await?;
        }
        Ok(begun)
    });
    let tip = begun
        .await
        .map_err(StoreError::unavailable("beginning an epoch"))
        .flatten();
    settle(connection, tip)
}

async fn begin(transaction: &mut Transaction<'_, Postgres>) -> Result<Tip, StoreError> {
    let feed = LockedFeed::lock(transaction).await?;
    feed.begin_epoch(transaction, None).await
}
