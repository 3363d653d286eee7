//! Judging and applying a batch, one mutation after the other: there is no network to save.

use shared::{Position, Slot, Timestamp, Version};
use sqlx::{FromRow, SqliteConnection, error::DatabaseError};

use crate::store::{
    Action, Batch, Committed, Mutation, Outcome, Precondition, StoreError, Tip, history,
    rows::{column, position, version},
};

/// Runs in the write transaction, with the feed at `tip`.
pub(super) async fn apply(
    connection: &mut SqliteConnection,
    tip: Tip,
    began_epoch: bool,
    batch: &[Mutation],
) -> Result<Batch, StoreError> {
    let now = now(connection).await?;
    let mut head = tip;
    let mut outcomes = Vec::with_capacity(batch.len());
    for mutation in batch {
        let put = Put::of(mutation)?;
        let stored = Stored::read(connection, mutation, put.as_ref(), now).await?;
        let outcome = match judge(stored.as_ref(), mutation, tip)? {
            Verdict::Leave(outcome) => outcome,
            Verdict::Change(named) => {
                let committed = next(&head, stored.as_ref(), now)?;
                let created_at = stored.filter(|row| row.is_live).map(|row| row.created_at);
                let document = Document {
                    mutation,
                    put,
                    committed,
                    created_at: created_at.unwrap_or(now.0),
                };
                document.store(connection).await?;
                document.log(connection).await?;
                head = Tip {
                    position: committed.slot.position,
                    link: committed.slot.link,
                };
                named(committed)
            }
        };
        outcomes.push(outcome);
    }
    if head != tip {
        advance(connection, head).await?;
    }
    Ok(Batch {
        outcomes,
        tip: head,
        began_epoch,
    })
}

async fn now(connection: &mut SqliteConnection) -> Result<Timestamp, StoreError> {
    sqlx::query_scalar("SELECT CAST(round(unixepoch('subsec') * 1000) AS INTEGER) * 1000")
        .fetch_one(connection)
        .await
        .map(Timestamp)
        .map_err(StoreError::unavailable("reading the clock"))
}

/// What a put binds.
#[derive(Debug, Clone, Copy)]
struct Put<'a> {
    body: &'a str,
    expires_at: Option<i64>,
}

impl<'a> Put<'a> {
    /// `None` for a deletion.
    fn of(mutation: &'a Mutation) -> Result<Option<Self>, StoreError> {
        let Action::Put { body, expires_at } = &mutation.action else {
            return Ok(None);
        };
        let body = std::str::from_utf8(body)
            .map_err(|error| StoreError::Refused(sqlx::Error::Encode(Box::new(error))))?;
        Ok(Some(Self {
            body,
            expires_at: expires_at.map(|Timestamp(micros)| micros),
        }))
    }
}

/// What is stored under a mutation's key.
#[derive(Debug, Clone, Copy, FromRow)]
struct Stored {
    version: i64,
    sequence: i64,
    created_at: i64,
    is_live: bool,
    is_same: bool,
}

impl Stored {
    async fn read(
        connection: &mut SqliteConnection,
        mutation: &Mutation,
        put: Option<&Put<'_>>,
        now: Timestamp,
    ) -> Result<Option<Self>, StoreError> {
        // An expired document is there only for those that name its version.
        sqlx::query_as(
            "SELECT version, sequence, created_at,
                deleted_at IS NULL AND (expires_at IS NULL OR expires_at > ?5 OR ?6) AS is_live,
                body IS ?3 AND expires_at IS ?4 AS is_same
            FROM documents WHERE collection = ?1 AND id = ?2",
        )
        .bind(mutation.key.collection())
        .bind(mutation.key.id())
        .bind(put.map(|put| put.body))
        .bind(put.and_then(|put| put.expires_at))
        .bind(now.0)
        .bind(matches!(mutation.precondition, Precondition::Version(_)))
        .fetch_optional(connection)
        .await
        .map_err(StoreError::unavailable("reading what is stored"))
    }
}

/// What a mutation comes to.
enum Verdict {
    /// Nothing is done.
    Leave(Outcome),
    /// A change is made; the function names it.
    Change(fn(Committed) -> Outcome),
}

fn judge(stored: Option<&Stored>, mutation: &Mutation, tip: Tip) -> Result<Verdict, StoreError> {
    let live = stored.filter(|row| row.is_live);
    let holds = match mutation.precondition {
        Precondition::None => true,
        Precondition::Absent => live.is_none(),
        Precondition::Version(Version(wanted)) => {
            live.is_some_and(|row| row.version == column(wanted))
        }
    };
    if !holds {
        return Ok(Verdict::Leave(Outcome::PreconditionFailed));
    }
    Ok(match (&mutation.action, live) {
        (Action::Put { .. }, None) => Verdict::Change(Outcome::Created),
        (Action::Put { .. }, Some(row)) if row.is_same => Verdict::Leave(Outcome::Unchanged {
            version: version(row.version)?,
            position: position(tip.position.epoch, row.sequence)?,
        }),
        (Action::Put { .. }, Some(_)) => Verdict::Change(Outcome::Updated),
        (Action::Delete, None) => Verdict::Leave(Outcome::NotFound),
        (Action::Delete, Some(_)) => Verdict::Change(Outcome::Deleted),
    })
}

/// The change after `head`. A version continues over a tombstone.
fn next(head: &Tip, stored: Option<&Stored>, now: Timestamp) -> Result<Committed, StoreError> {
    let before = stored.map_or(Ok(Version(0)), |row| version(row.version))?;
    Ok(Committed {
        version: Version(before.0 + 1),
        slot: Slot {
            position: Position::new(head.position.epoch, head.position.sequence.next()),
            prev_link: head.link,
            link: history::new_link(),
        },
        updated_at: now,
    })
}

/// A document as a change leaves it.
struct Document<'a> {
    mutation: &'a Mutation,
    put: Option<Put<'a>>,
    committed: Committed,
    created_at: i64,
}

impl Document<'_> {
    async fn store(&self, connection: &mut SqliteConnection) -> Result<(), StoreError> {
        let Committed {
            version,
            slot,
            updated_at,
        } = self.committed;
        let deleted_at = self.put.is_none().then_some(updated_at.0);
        let body_bytes = self.put.map_or(0, |put| put.body.len());
        sqlx::query(
            "INSERT INTO documents (collection, id, version, sequence, prev_link, link, body,
                body_bytes, created_at, updated_at, expires_at, deleted_at)
            VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10, ?11, ?12)
            ON CONFLICT (collection, id) DO UPDATE SET
                version = excluded.version, sequence = excluded.sequence,
                prev_link = excluded.prev_link, link = excluded.link,
                body = excluded.body, body_bytes = excluded.body_bytes,
                created_at = excluded.created_at, updated_at = excluded.updated_at,
                expires_at = excluded.expires_at, deleted_at = excluded.deleted_at",
        )
        .bind(self.mutation.key.collection())
        .bind(self.mutation.key.id())
        .bind(column(version.0))
        .bind(column(slot.position.sequence.0))
        .bind(slot.prev_link.0.cast_signed())
        .bind(slot.link.0.cast_signed())
        .bind(self.put.map(|put| put.body))
        .bind(i64::try_from(body_bytes).unwrap_or(i64::MAX))
        .bind(self.created_at)
        .bind(updated_at.0)
        .bind(self.put.and_then(|put| put.expires_at))
        .bind(deleted_at)
        .execute(connection)
        .await
        .map(|_rows| ())
        .map_err(refused_or_unavailable)
    }

    async fn log(&self, connection: &mut SqliteConnection) -> Result<(), StoreError> {
        let Committed {
            version,
            slot,
            updated_at,
        } = self.committed;
        sqlx::query(
            "INSERT INTO changes (sequence, collection, id, version, prev_link, link, at)
            VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7)",
        )
        .bind(column(slot.position.sequence.0))
        .bind(self.mutation.key.collection())
        .bind(self.mutation.key.id())
        .bind(column(version.0))
        .bind(slot.prev_link.0.cast_signed())
        .bind(slot.link.0.cast_signed())
        .bind(updated_at.0)
        .execute(connection)
        .await
        .map(|_rows| ())
        .map_err(StoreError::unavailable("logging a change"))
    }
}

/// Whether the mutation itself is at fault: its body is not JSON.
fn refused_or_unavailable(error: sqlx::Error) -> StoreError {
    let is_refused = error
        .as_database_error()
        .is_some_and(DatabaseError::is_check_violation);
    if is_refused {
        StoreError::Refused(error)
    } else {
        StoreError::unavailable("storing a document")(error)
    }
}

async fn advance(connection: &mut SqliteConnection, head: Tip) -> Result<(), StoreError> {
    sqlx::query("UPDATE feed SET head = ?1, link = ?2")
        .bind(column(head.position.sequence.0))
        .bind(head.link.0.cast_signed())
        .execute(connection)
        .await
        .map(|_rows| ())
        .map_err(StoreError::unavailable("advancing the feed"))
}
