//! Reading from PostgreSQL: each operation is one statement, so one snapshot.

use std::time::Duration;

use shared::{ResourceKey, Sequence, Version};
use sqlx::{
    FromRow, Row,
    postgres::{PgConnection, PgRow},
};

use super::session::{OPERATION_TIMEOUT, refuse_standby, within};
use crate::store::{
    ChangePage, Document, DocumentPage, Feed, PAGE_BYTES, Pruned, StoreError,
    rows::{self, ChangeRow, DocumentRow, FeedRow, TipRow, column},
};

pub(super) async fn feed(
    connection: &mut PgConnection,
    deadline: Duration,
) -> Result<Feed, StoreError> {
    let query = sqlx::query(
        "SELECT epoch, head, link AS head_link, to_micros(clock_timestamp()) AS now,
            pg_is_in_recovery() AS is_standby
        FROM feed",
    );
    let row = within("reading the feed", deadline, query.fetch_one(connection)).await?;
    read_feed(&row)
}

/// $3: whether deleted and expired ones count.
const DOCUMENT: &str =
    "SELECT epoch, head, feed.link AS head_link, collection, id, version, sequence,
        prev_link, d.link, body::text AS body, to_micros(created_at) AS created_at,
        to_micros(updated_at) AS updated_at, to_micros(expires_at) AS expires_at
    FROM documents d, feed WHERE collection = $1 AND id = $2
        AND ($3 OR deleted_at IS NULL
            AND (expires_at IS NULL OR expires_at > clock_timestamp()))";

pub(super) async fn document(
    connection: &mut PgConnection,
    key: &ResourceKey,
) -> Result<Option<Document>, StoreError> {
    one_document(connection, key, true).await
}

pub(super) async fn live(
    connection: &mut PgConnection,
    key: &ResourceKey,
) -> Result<Option<Document>, StoreError> {
    one_document(connection, key, false).await
}

async fn one_document(
    connection: &mut PgConnection,
    key: &ResourceKey,
    is_any: bool,
) -> Result<Option<Document>, StoreError> {
    let query = sqlx::query(DOCUMENT)
        .bind(key.collection())
        .bind(key.id())
        .bind(is_any);
    let row = within(
        "reading a document",
        OPERATION_TIMEOUT,
        query.fetch_optional(connection),
    )
    .await?;
    let Some(row) = row else { return Ok(None) };
    let epoch = decode::<TipRow>(&row)?.tip()?.position.epoch;
    decode::<DocumentRow>(&row)?.document(epoch).map(Some)
}

pub(super) async fn changes(
    connection: &mut PgConnection,
    after: Sequence,
    limit: u32,
) -> Result<ChangePage, StoreError> {
    let query = sqlx::query(include_str!("changes.sql"))
        .bind(column(after.0))
        .bind(i64::from(limit))
        .bind(page_bytes());
    let rows = within(
        "reading changes",
        OPERATION_TIMEOUT,
        query.fetch_all(connection),
    )
    .await?;
    let first = rows.first().ok_or(StoreError::Unexpected("empty feed"))?;
    let feed = read_feed(first)?;
    let epoch = feed.tip.position.epoch;
    let floor = rows::sequence(get(first, "floor")?)?;
    let mut changes = Vec::with_capacity(rows.len());
    for row in &rows {
        if get::<Option<i64>>(row, "slot_sequence")?.is_some() {
            changes.push(decode::<ChangeRow>(row)?.change(epoch)?);
        }
    }
    Ok(ChangePage {
        feed,
        floor,
        changes,
    })
}

pub(super) async fn documents(
    connection: &mut PgConnection,
    after: Option<&ResourceKey>,
    limit: u32,
) -> Result<DocumentPage, StoreError> {
    // No key sorts below two empty texts.
    let query = sqlx::query(include_str!("documents.sql"))
        .bind(after.map_or("", ResourceKey::collection))
        .bind(after.map_or("", ResourceKey::id))
        .bind(i64::from(limit.max(1)))
        .bind(page_bytes());
    let rows = within(
        "reading documents",
        OPERATION_TIMEOUT,
        query.fetch_all(connection),
    )
    .await?;
    let first = rows.first().ok_or(StoreError::Unexpected("empty feed"))?;
    let epoch = rows::epoch(get(first, "epoch")?)?;
    let found: i64 = get(first, "found")?;
    let mut documents = Vec::with_capacity(rows.len());
    for row in &rows {
        if get::<Option<i64>>(row, "sequence")?.is_some() {
            documents.push(decode::<DocumentRow>(row)?.document(epoch)?);
        }
    }
    let are_more = usize::try_from(found).is_ok_and(|found| found > documents.len());
    let last = documents.last().filter(|_last| are_more);
    Ok(DocumentPage {
        epoch,
        next: last.map(|document| document.key.clone()),
        documents,
    })
}

pub(super) async fn count(connection: &mut PgConnection) -> Result<u64, StoreError> {
    let query = sqlx::query_scalar("SELECT count(*) FROM documents");
    let count: i64 = within(
        "counting documents",
        OPERATION_TIMEOUT,
        query.fetch_one(connection),
    )
    .await?;
    u64::try_from(count).or(Err(StoreError::Unexpected("count")))
}

pub(super) async fn expired(
    connection: &mut PgConnection,
    limit: u32,
) -> Result<Vec<(ResourceKey, Version)>, StoreError> {
    let query = sqlx::query_as(
        "SELECT collection, id, version FROM documents
        WHERE expires_at <= clock_timestamp() ORDER BY expires_at LIMIT $1",
    )
    .bind(i64::from(limit));
    let found: Vec<(String, String, i64)> = within(
        "finding expired documents",
        OPERATION_TIMEOUT,
        query.fetch_all(connection),
    )
    .await?;
    let convert = |(collection, id, version): (String, String, i64)| {
        Ok((rows::key(&collection, &id)?, rows::version(version)?))
    };
    found.into_iter().map(convert).collect()
}

/// Two statements, two transactions: tombstones go by what the first one left.
pub(super) async fn prune(
    connection: &mut PgConnection,
    floor: Sequence,
    limit: u32,
) -> Result<Pruned, StoreError> {
    let changes = sqlx::query(
        "DELETE FROM changes WHERE sequence IN (
            SELECT sequence FROM changes WHERE sequence < $1 ORDER BY sequence LIMIT $2)",
    )
    .bind(column(floor.0))
    .bind(i64::from(limit));
    let changes = within(
        "pruning changes",
        OPERATION_TIMEOUT,
        changes.execute(&mut *connection),
    )
    .await?;
    // Rows that a batch is writing are skipped: waiting for them could deadlock with it.
    let tombstones = sqlx::query(
        "DELETE FROM documents d USING (
            SELECT collection, id FROM documents
            WHERE deleted_at IS NOT NULL AND sequence < (
                SELECT coalesce((SELECT min(sequence) FROM changes), head + 1) FROM feed)
            ORDER BY sequence LIMIT $1 FOR UPDATE SKIP LOCKED
        ) old
        WHERE d.collection = old.collection AND d.id = old.id",
    )
    .bind(i64::from(limit));
    let tombstones = within(
        "pruning tombstones",
        OPERATION_TIMEOUT,
        tombstones.execute(&mut *connection),
    )
    .await?;
    Ok(Pruned {
        changes: changes.rows_affected(),
        tombstones: tombstones.rows_affected(),
    })
}

fn read_feed(row: &PgRow) -> Result<Feed, StoreError> {
    refuse_standby(get(row, "is_standby")?)?;
    decode::<FeedRow>(row)?.feed()
}

fn page_bytes() -> i64 {
    i64::try_from(PAGE_BYTES).unwrap_or(i64::MAX)
}

pub(super) fn decode<'r, T: FromRow<'r, PgRow>>(row: &'r PgRow) -> Result<T, StoreError> {
    T::from_row(row).map_err(StoreError::unavailable("decoding a row"))
}

pub(super) fn get<'r, T>(row: &'r PgRow, name: &'static str) -> Result<T, StoreError>
where
    T: sqlx::Decode<'r, sqlx::Postgres> + sqlx::Type<sqlx::Postgres>,
{
    row.try_get(name)
        .map_err(StoreError::unavailable("decoding a row"))
}
