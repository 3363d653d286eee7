//! Reading what tells documents apart from SQLite, for the comparison with the bus.

use shared::ResourceKey;
use sqlx::SqlitePool;

use super::pages::{decode, get};
use crate::store::{
    StampPage, StoreError,
    rows::{self, StampRow},
};

pub(super) async fn stamps(
    readers: &SqlitePool,
    after: Option<&ResourceKey>,
    limit: u32,
) -> Result<StampPage, StoreError> {
    let limit = limit.max(1);
    // No key sorts below two empty texts.
    let rows = sqlx::query(
        "SELECT f.epoch, collection, id, sequence, d.link, deleted_at IS NOT NULL AS is_deleted
        FROM feed f LEFT JOIN (
            SELECT * FROM documents WHERE (collection, id) > (?1, ?2)
            ORDER BY collection, id LIMIT ?3
        ) d
        ORDER BY collection, id",
    )
    .bind(after.map_or("", ResourceKey::collection))
    .bind(after.map_or("", ResourceKey::id))
    .bind(i64::from(limit))
    .fetch_all(readers)
    .await
    .map_err(StoreError::unavailable("reading stamps"))?;
    let first = rows.first().ok_or(StoreError::Unexpected("empty feed"))?;
    let epoch = rows::epoch(get(first, "epoch")?)?;
    let mut stamps = Vec::with_capacity(rows.len());
    for row in &rows {
        if get::<Option<i64>>(row, "sequence")?.is_some() {
            stamps.push(decode::<StampRow>(row)?.stamp()?);
        }
    }
    Ok(StampPage::of(epoch, stamps, limit))
}

/// One statement per key: there is no network to save.
pub(super) async fn absent(
    readers: &SqlitePool,
    keys: &[ResourceKey],
) -> Result<Vec<ResourceKey>, StoreError> {
    let failed = StoreError::unavailable("looking keys up");
    let mut connection = readers.acquire().await.map_err(&failed)?;
    let mut absent = Vec::new();
    for key in keys {
        let found: Option<i64> =
            sqlx::query_scalar("SELECT version FROM documents WHERE collection = ?1 AND id = ?2")
                .bind(key.collection())
                .bind(key.id())
                .fetch_optional(&mut *connection)
                .await
                .map_err(&failed)?;
        if found.is_none() {
            absent.push(key.clone());
        }
    }
    Ok(absent)
}
