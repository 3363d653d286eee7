//! Batches with writes that may have been carried out before.

use shared::Position;
use sqlx::postgres::PgConnection;

use super::apply::{self, Applied};
use crate::store::{
    Mutation, StoreError, Tip,
    postgres::session::{OPERATION_TIMEOUT, within},
    receipt::{NewReceipt, ReceiptRow, Repeated, kept_micros},
    rows::column,
};

/// As [`apply::apply`], under the same lock: whoever else carries out the same write has committed
/// it, or will find what is stored here.
pub(super) async fn apply(
    connection: &mut PgConnection,
    tip: Tip,
    began_epoch: bool,
    batch: &[Mutation],
) -> Result<Applied, StoreError> {
    let found = find(connection, &Repeated::keys(batch))
        .await
        .map_err(StoreError::unavailable("looking receipts up"))?;
    let repeated = Repeated::of(batch, &found)?;
    let rest = repeated.rest(batch);
    let mut applied = apply::apply(connection, tip, began_epoch, &rest).await?;
    let receipts = NewReceipt::of(&rest, &applied.batch.outcomes);
    if !receipts.is_empty() {
        store(connection, &receipts).await?;
        applied.has_receipts = true;
    }
    applied.batch.outcomes = repeated.merge(applied.batch.outcomes)?;
    Ok(applied)
}

pub(in crate::store::postgres) async fn find(
    connection: &mut PgConnection,
    keys: &[&[u8]],
) -> Result<Vec<ReceiptRow>, sqlx::Error> {
    sqlx::query_as(
        "SELECT key, fingerprint, collection, id, is_created, version, epoch, sequence, tag
        FROM receipts
        WHERE key = ANY($1) AND at > clock_timestamp() - $2 * interval '1 microsecond'",
    )
    .bind(keys)
    .bind(kept_micros())
    .fetch_all(connection)
    .await
}

/// At most `limit` of those whose time is over, the oldest first.
pub(in crate::store::postgres) async fn prune(
    connection: &mut PgConnection,
    limit: u32,
) -> Result<u64, StoreError> {
    let pruned = sqlx::query(
        "DELETE FROM receipts WHERE key IN (
            SELECT key FROM receipts
            WHERE at <= clock_timestamp() - $1 * interval '1 microsecond'
            ORDER BY at LIMIT $2 FOR UPDATE SKIP LOCKED)",
    )
    .bind(kept_micros())
    .bind(i64::from(limit));
    let pruned = within(
        "pruning receipts",
        OPERATION_TIMEOUT,
        pruned.execute(connection),
    )
    .await?;
    Ok(pruned.rows_affected())
}

/// In the place of those whose time is over.
async fn store(
    connection: &mut PgConnection,
    receipts: &[NewReceipt<'_>],
) -> Result<(), StoreError> {
    let numbers = |number: fn(&Position) -> u64| -> Vec<i64> {
        let numbers = receipts.iter().map(|one| column(number(&one.position)));
        numbers.collect()
    };
    let octets = |octets: for<'a> fn(&'a NewReceipt<'_>) -> &'a [u8]| -> Vec<&[u8]> {
        receipts.iter().map(octets).collect()
    };
    sqlx::query(
        "INSERT INTO receipts (key, fingerprint, collection, id, is_created, version, epoch,
            sequence, tag, at)
        SELECT *, clock_timestamp() FROM unnest($1::bytea[], $2::bytea[], $3::text[], $4::text[],
            $5::boolean[], $6::bigint[], $7::bigint[], $8::bigint[], $9::bytea[])
        ON CONFLICT (key) DO UPDATE SET
            fingerprint = excluded.fingerprint, collection = excluded.collection,
            id = excluded.id, is_created = excluded.is_created, version = excluded.version,
            epoch = excluded.epoch, sequence = excluded.sequence, tag = excluded.tag,
            at = excluded.at",
    )
    .bind(octets(|one| &one.retry.key))
    .bind(octets(|one| &one.retry.fingerprint))
    .bind(
        receipts
            .iter()
            .map(|one| one.key.collection())
            .collect::<Vec<_>>(),
    )
    .bind(receipts.iter().map(|one| one.key.id()).collect::<Vec<_>>())
    .bind(
        receipts
            .iter()
            .map(|one| one.is_created)
            .collect::<Vec<_>>(),
    )
    .bind(
        receipts
            .iter()
            .map(|one| column(one.version.0))
            .collect::<Vec<_>>(),
    )
    .bind(numbers(|position| position.epoch.0))
    .bind(numbers(|position| position.sequence.0))
    .bind(octets(|one| &one.retry.tag.0))
    .execute(connection)
    .await
    .map(|_rows| ())
    .map_err(StoreError::unavailable("storing receipts"))
}
