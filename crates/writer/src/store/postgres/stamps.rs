//! Reading what tells documents apart from PostgreSQL, for the comparison with the bus.

use shared::ResourceKey;
use sqlx::postgres::PgConnection;

use super::{
    pages::{decode, get},
    session::{OPERATION_TIMEOUT, within},
};
use crate::store::{
    StampPage, StoreError,
    rows::{self, StampRow},
};

pub(super) async fn stamps(
    connection: &mut PgConnection,
    after: Option<&ResourceKey>,
    limit: u32,
) -> Result<StampPage, StoreError> {
    let limit = limit.max(1);
    // No key sorts below two empty texts.
    let query = sqlx::query(
        "SELECT f.epoch, collection, id, sequence, d.link, deleted_at IS NOT NULL AS is_deleted
        FROM feed f LEFT JOIN (
            SELECT * FROM documents WHERE (collection, id) > ($1, $2)
            ORDER BY collection, id LIMIT $3
        ) d ON true
        ORDER BY collection, id",
    )
    .bind(after.map_or("", ResourceKey::collection))
    .bind(after.map_or("", ResourceKey::id))
    .bind(i64::from(limit));
    let rows = within(
        "reading stamps",
        OPERATION_TIMEOUT,
        query.fetch_all(connection),
    )
    .await?;
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

pub(super) async fn absent(
    connection: &mut PgConnection,
    keys: &[ResourceKey],
) -> Result<Vec<ResourceKey>, StoreError> {
    let collections: Vec<&str> = keys.iter().map(ResourceKey::collection).collect();
    let ids: Vec<&str> = keys.iter().map(ResourceKey::id).collect();
    let query = sqlx::query_as(
        "SELECT k.collection, k.id FROM unnest($1::text[], $2::text[]) AS k (collection, id)
        LEFT JOIN LATERAL (
            -- With LIMIT: one look-up by key each, never a join that reads the whole table.
            SELECT version FROM documents d
            WHERE d.collection = k.collection COLLATE \"C\" AND d.id = k.id COLLATE \"C\" LIMIT 1
        ) d ON true
        WHERE d.version IS NULL",
    )
    .bind(collections)
    .bind(ids);
    let found: Vec<(String, String)> = within(
        "looking keys up",
        OPERATION_TIMEOUT,
        query.fetch_all(connection),
    )
    .await?;
    found
        .iter()
        .map(|(collection, id)| rows::key(collection, id))
        .collect()
}
