//! Reading from SQLite: each operation is one statement, so one snapshot.

use shared::{ResourceKey, Sequence, Version};
use sqlx::{FromRow, Row, SqliteExecutor, SqlitePool, sqlite::SqliteRow};

use crate::store::{
    ChangePage, Document, DocumentPage, Feed, PAGE_BYTES, StoreError,
    rows::{self, ChangeRow, DocumentRow, FeedRow, TipRow, column},
};

pub(super) async fn feed(executor: impl SqliteExecutor<'_>) -> Result<Feed, StoreError> {
    let row: FeedRow = sqlx::query_as(
        "SELECT epoch, head, link AS head_link,
            CAST(round(unixepoch('subsec') * 1000) AS INTEGER) * 1000 AS now
        FROM feed",
    )
    .fetch_one(executor)
    .await
    .map_err(StoreError::unavailable("reading the feed"))?;
    row.feed()
}

/// ?3: whether deleted and expired ones count.
const DOCUMENT: &str =
    "SELECT epoch, head, feed.link AS head_link, collection, id, version, sequence,
        prev_link, d.link, body, created_at, updated_at, expires_at
    FROM documents d, feed WHERE collection = ?1 AND id = ?2
        AND (?3 OR deleted_at IS NULL
            AND (expires_at IS NULL OR expires_at > unixepoch('subsec') * 1000000))";

pub(super) async fn document(
    readers: &SqlitePool,
    key: &ResourceKey,
) -> Result<Option<Document>, StoreError> {
    one_document(readers, key, true).await
}

pub(super) async fn live(
    readers: &SqlitePool,
    key: &ResourceKey,
) -> Result<Option<Document>, StoreError> {
    one_document(readers, key, false).await
}

async fn one_document(
    readers: &SqlitePool,
    key: &ResourceKey,
    is_any: bool,
) -> Result<Option<Document>, StoreError> {
    let row = sqlx::query(DOCUMENT)
        .bind(key.collection())
        .bind(key.id())
        .bind(is_any)
        .fetch_optional(readers)
        .await
        .map_err(StoreError::unavailable("reading a document"))?;
    let Some(row) = row else { return Ok(None) };
    let epoch = decode::<TipRow>(&row)?.tip()?.position.epoch;
    decode::<DocumentRow>(&row)?.document(epoch).map(Some)
}

pub(super) async fn changes(
    readers: &SqlitePool,
    after: Sequence,
    limit: u32,
) -> Result<ChangePage, StoreError> {
    let rows = sqlx::query(include_str!("changes.sql"))
        .bind(column(after.0))
        .bind(i64::from(limit))
        .bind(page_bytes())
        .fetch_all(readers)
        .await
        .map_err(StoreError::unavailable("reading changes"))?;
    let first = rows.first().ok_or(StoreError::Unexpected("empty feed"))?;
    let feed = decode::<FeedRow>(first)?.feed()?;
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
    readers: &SqlitePool,
    after: Option<&ResourceKey>,
    limit: u32,
) -> Result<DocumentPage, StoreError> {
    // No key sorts below two empty texts.
    let rows = sqlx::query(include_str!("documents.sql"))
        .bind(after.map_or("", ResourceKey::collection))
        .bind(after.map_or("", ResourceKey::id))
        .bind(i64::from(limit.max(1)))
        .bind(page_bytes())
        .fetch_all(readers)
        .await
        .map_err(StoreError::unavailable("reading documents"))?;
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

pub(super) async fn count(readers: &SqlitePool) -> Result<u64, StoreError> {
    let count: i64 = sqlx::query_scalar("SELECT count(*) FROM documents")
        .fetch_one(readers)
        .await
        .map_err(StoreError::unavailable("counting documents"))?;
    u64::try_from(count).or(Err(StoreError::Unexpected("count")))
}

pub(super) async fn expired(
    readers: &SqlitePool,
    limit: u32,
) -> Result<Vec<(ResourceKey, Version)>, StoreError> {
    let found: Vec<(String, String, i64)> = sqlx::query_as(
        "SELECT collection, id, version FROM documents
        WHERE expires_at <= unixepoch('subsec') * 1000000 ORDER BY expires_at LIMIT ?1",
    )
    .bind(i64::from(limit))
    .fetch_all(readers)
    .await
    .map_err(StoreError::unavailable("finding expired documents"))?;
    let convert = |(collection, id, version): (String, String, i64)| {
        Ok((rows::key(&collection, &id)?, rows::version(version)?))
    };
    found.into_iter().map(convert).collect()
}

fn page_bytes() -> i64 {
    i64::try_from(PAGE_BYTES).unwrap_or(i64::MAX)
}

pub(super) fn decode<'r, T: FromRow<'r, SqliteRow>>(row: &'r SqliteRow) -> Result<T, StoreError> {
    T::from_row(row).map_err(StoreError::unavailable("decoding a row"))
}

pub(super) fn get<'r, T>(row: &'r SqliteRow, name: &'static str) -> Result<T, StoreError>
where
    T: sqlx::Decode<'r, sqlx::Sqlite> + sqlx::Type<sqlx::Sqlite>,
{
    row.try_get(name)
        .map_err(StoreError::unavailable("decoding a row"))
}
