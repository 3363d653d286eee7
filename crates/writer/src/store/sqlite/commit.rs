//! Writing to SQLite: every transaction that advances the feed.

mod apply;
pub(super) mod receipts;

use shared::{Epoch, Position, Sequence};
use sqlx::{Sqlite, SqliteConnection, SqlitePool, Transaction};

use super::pages;
use crate::store::{
    Batch, Mutation, Pruned, StoreError, Tip,
    history::History,
    mutation::assert_batch,
    receipt::Repeated,
    rows::{column, epoch, link},
};

/// Takes the write lock at once, so that the snapshot read under it is the latest.
const BEGIN: &str = "BEGIN IMMEDIATE";

pub(super) async fn commit(
    writer: &SqlitePool,
    known: Option<Tip>,
    batch: &[Mutation],
) -> Result<Batch, StoreError> {
    assert_batch(batch);
    let mut transaction = begin(writer, "committing a batch").await?;
    let before = pages::feed(&mut *transaction).await?.tip;
    let (tip, began_epoch) = match known {
        Some(known) if !holds(&mut transaction, &before, &known).await? => {
            let begun = raise_epoch(&mut transaction, before, Some(known)).await?;
            (begun, true)
        }
        _ => (before, false),
    };
    let (batch, has_receipts) = if Repeated::may_have(batch) {
        receipts::apply(&mut transaction, tip, began_epoch, batch).await?
    } else {
        let batch = apply::apply(&mut transaction, tip, began_epoch, batch).await?;
        (batch, false)
    };
    if batch.tip == before && !has_receipts {
        let ended = transaction.rollback().await;
        return ended
            .map(|()| batch)
            .map_err(StoreError::unavailable("ending a batch"));
    }
    match transaction.commit().await {
        Ok(()) => Ok(batch),
        Err(error) if batch.tip == before => {
            // Receipts alone: clients ask again, and are answered from them or judged anew.
            Err(StoreError::unavailable("committing a batch")(error))
        }
        Err(error) => resolve(writer, batch, error).await,
    }
}

/// What became of a batch whose COMMIT failed. Dropping the transaction has rolled it back, unless
/// the disk failed after it was written; no other process can have written since.
async fn resolve(
    writer: &SqlitePool,
    batch: Batch,
    error: sqlx::Error,
) -> Result<Batch, StoreError> {
    match pages::feed(writer).await {
        Ok(feed) if feed.tip == batch.tip => Ok(batch),
        Ok(_rolled_back) => Err(StoreError::unavailable("committing a batch")(error)),
        Err(_unreadable) => Err(StoreError::CommitUnknown(error)),
    }
}

/// Whether this still is the history in which `known` was seen.
async fn holds(
    connection: &mut SqliteConnection,
    feed: &Tip,
    known: &Tip,
) -> Result<bool, StoreError> {
    let sequence = match History::judge(feed, known) {
        History::Stands => return Ok(true),
        History::Broken => return Ok(false),
        History::Within(sequence) => sequence,
    };
    // The change after it names it too; with both pruned nobody can tell.
    let found: Option<i64> = sqlx::query_scalar(
        "SELECT coalesce((SELECT link FROM changes WHERE sequence = ?1),
            (SELECT prev_link FROM changes WHERE sequence = ?1 + 1))",
    )
    .bind(column(sequence.0))
    .fetch_one(connection)
    .await
    .map_err(StoreError::unavailable("looking a link up"))?;
    Ok(found.is_none_or(|found| link(found) == known.link))
}

/// Begins an epoch above every one known and above the clock; the numbering goes on.
async fn raise_epoch(
    connection: &mut SqliteConnection,
    tip: Tip,
    known: Option<Tip>,
) -> Result<Tip, StoreError> {
    let known = known.map_or(Epoch(0), |tip| tip.position.epoch);
    let begun: i64 = sqlx::query_scalar(
        "UPDATE feed SET epoch = max(epoch + 1, ?1 + 1,
            CAST(round(unixepoch('subsec') * 1000) AS INTEGER) * 1000)
        RETURNING epoch",
    )
    .bind(column(known.0))
    .fetch_one(connection)
    .await
    .map_err(StoreError::unavailable("beginning an epoch"))?;
    Ok(Tip {
        position: Position::new(epoch(begun)?, tip.position.sequence),
        link: tip.link,
    })
}

pub(super) async fn begin_epoch(writer: &SqlitePool) -> Result<Tip, StoreError> {
    let mut transaction = begin(writer, "beginning an epoch").await?;
    let before = pages::feed(&mut *transaction).await?.tip;
    let begun = raise_epoch(&mut transaction, before, None).await?;
    transaction
        .commit()
        .await
        .map_err(StoreError::unavailable("beginning an epoch"))?;
    Ok(begun)
}

pub(super) async fn next_term(writer: &SqlitePool) -> Result<u64, StoreError> {
    let term: i64 = sqlx::query_scalar("UPDATE feed SET term = term + 1 RETURNING term")
        .fetch_one(writer)
        .await
        .map_err(StoreError::unavailable("taking the next term"))?;
    u64::try_from(term).or(Err(StoreError::Unexpected("term")))
}

pub(super) async fn prune(
    writer: &SqlitePool,
    floor: Sequence,
    limit: u32,
) -> Result<Pruned, StoreError> {
    let mut transaction = begin(writer, "pruning").await?;
    let changes = sqlx::query(
        "DELETE FROM changes WHERE sequence IN (
            SELECT sequence FROM changes WHERE sequence < ?1 ORDER BY sequence LIMIT ?2)",
    )
    .bind(column(floor.0))
    .bind(i64::from(limit))
    .execute(&mut *transaction)
    .await
    .map_err(StoreError::unavailable("pruning changes"))?;
    let tombstones = sqlx::query(
        "DELETE FROM documents WHERE (collection, id) IN (
            SELECT collection, id FROM documents
            WHERE deleted_at IS NOT NULL AND sequence < (
                SELECT coalesce((SELECT min(sequence) FROM changes), head + 1) FROM feed)
            ORDER BY sequence LIMIT ?1)",
    )
    .bind(i64::from(limit))
    .execute(&mut *transaction)
    .await
    .map_err(StoreError::unavailable("pruning tombstones"))?;
    transaction
        .commit()
        .await
        .map_err(StoreError::unavailable("pruning"))?;
    Ok(Pruned {
        changes: changes.rows_affected(),
        tombstones: tombstones.rows_affected(),
    })
}

async fn begin(
    writer: &SqlitePool,
    operation: &'static str,
) -> Result<Transaction<'static, Sqlite>, StoreError> {
    writer
        .begin_with(BEGIN)
        .await
        .map_err(StoreError::unavailable(operation))
}
