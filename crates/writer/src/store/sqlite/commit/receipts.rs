//! Batches with writes that may have been carried out before.

use sqlx::{AssertSqlSafe, SqliteConnection, SqlitePool};

use super::apply;
use crate::store::{
    Batch, Mutation, StoreError, Tip,
    receipt::{NewReceipt, ReceiptRow, Repeated, RetryKey, kept_micros},
    rows::column,
};

/// Microseconds since 1970, of which this database's clock counts thousands.
const NOW: &str = "CAST(round(unixepoch('subsec') * 1000) AS INTEGER) * 1000";

/// As [`apply::apply`]; the flag says whether receipts were stored, which must be committed even
/// where nothing was changed.
pub(super) async fn apply(
    connection: &mut SqliteConnection,
    tip: Tip,
    began_epoch: bool,
    batch: &[Mutation],
) -> Result<(Batch, bool), StoreError> {
    let mut found = Vec::new();
    for retry in batch.iter().filter_map(|mutation| mutation.retry.as_ref()) {
        found.extend(find(connection, &retry.key).await?);
    }
    let repeated = Repeated::of(batch, &found)?;
    let rest = repeated.rest(batch);
    let mut applied = apply::apply(connection, tip, began_epoch, &rest).await?;
    let receipts = NewReceipt::of(&rest, &applied.outcomes);
    for receipt in &receipts {
        store(connection, receipt).await?;
    }
    let has_receipts = !receipts.is_empty();
    applied.outcomes = repeated.merge(applied.outcomes)?;
    Ok((applied, has_receipts))
}

pub(in crate::store::sqlite) async fn find(
    connection: &mut SqliteConnection,
    key: &RetryKey,
) -> Result<Option<ReceiptRow>, StoreError> {
    let query = format!(
        "SELECT key, fingerprint, collection, id, is_created, version, epoch, sequence, tag
        FROM receipts WHERE key = ?1 AND at > {NOW} - ?2"
    );
    sqlx::query_as(AssertSqlSafe(query))
        .bind(&key[..])
        .bind(kept_micros())
        .fetch_optional(connection)
        .await
        .map_err(StoreError::unavailable("looking a receipt up"))
}

/// In the place of one whose time is over.
async fn store(
    connection: &mut SqliteConnection,
    receipt: &NewReceipt<'_>,
) -> Result<(), StoreError> {
    let query = format!(
        "INSERT OR REPLACE INTO receipts (key, fingerprint, collection, id, is_created, version,
            epoch, sequence, tag, at)
        VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, {NOW})"
    );
    sqlx::query(AssertSqlSafe(query))
        .bind(&receipt.retry.key[..])
        .bind(&receipt.retry.fingerprint[..])
        .bind(receipt.key.collection())
        .bind(receipt.key.id())
        .bind(receipt.is_created)
        .bind(column(receipt.version.0))
        .bind(column(receipt.position.epoch.0))
        .bind(column(receipt.position.sequence.0))
        .bind(&receipt.retry.tag.0[..])
        .execute(connection)
        .await
        .map(|_rows| ())
        .map_err(StoreError::unavailable("storing a receipt"))
}

/// At most `limit` of those whose time is over, the oldest first.
pub(in crate::store::sqlite) async fn prune(
    writer: &SqlitePool,
    limit: u32,
) -> Result<u64, StoreError> {
    let query = format!(
        "DELETE FROM receipts WHERE key IN (
            SELECT key FROM receipts WHERE at <= {NOW} - ?1 ORDER BY at LIMIT ?2)"
    );
    sqlx::query(AssertSqlSafe(query))
        .bind(kept_micros())
        .bind(i64::from(limit))
        .execute(writer)
        .await
        .map(|pruned| pruned.rows_affected())
        .map_err(StoreError::unavailable("pruning receipts"))
}
