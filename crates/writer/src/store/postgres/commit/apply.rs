//! Judging and applying a batch in one statement.

use shared::{Epoch, Slot, Timestamp};
use sqlx::{FromRow, postgres::PgConnection};

use crate::store::{
    Action, Batch, Committed, Mutation, Outcome, Precondition, StoreError, Tip, history,
    rows::{column, link, position, version},
};

/// A batch as its transaction left it, to be committed.
#[derive(Debug)]
pub(super) struct Applied {
    pub(super) batch: Batch,
    changes: usize,
    /// Whether it stored receipts, which must be committed even where nothing was changed.
    pub(super) has_receipts: bool,
}

impl Applied {
    /// Whether there is nothing to commit.
    pub(super) fn is_empty(&self) -> bool {
        self.changes == 0 && !self.batch.began_epoch && !self.has_receipts
    }

    /// Whether it made changes: their last link is the batch's mark.
    pub(super) fn is_marked(&self) -> bool {
        self.changes > 0
    }
}

/// Runs under the feed lock, with the feed at `tip`.
pub(super) async fn apply(
    connection: &mut PgConnection,
    tip: Tip,
    began_epoch: bool,
    batch: &[Mutation],
) -> Result<Applied, StoreError> {
    let judged = if batch.is_empty() {
        Vec::new()
    } else {
        let columns = Columns::of(batch)?;
        columns.apply(connection, tip).await?
    };
    let epoch = tip.position.epoch;
    let mut outcomes = Vec::with_capacity(batch.len());
    let (mut tip, mut changes) = (tip, 0);
    for row in judged {
        let outcome = row.outcome(epoch)?;
        if let Some(Committed { slot, .. }) = outcome.committed() {
            tip = Tip {
                position: slot.position,
                link: slot.link,
            };
            changes += 1;
        }
        outcomes.push(outcome);
    }
    if outcomes.len() != batch.len() {
        return Err(StoreError::Unexpected("number of outcomes"));
    }
    Ok(Applied {
        batch: Batch {
            outcomes,
            tip,
            began_epoch,
        },
        changes,
        has_receipts: false,
    })
}

/// A batch as the statement takes it: one array per column.
struct Columns<'a> {
    collections: Vec<&'a str>,
    ids: Vec<&'a str>,
    bodies: Vec<Option<&'a str>>,
    expiries: Vec<Option<i64>>,
    preconditions: Vec<Option<i64>>,
    links: Vec<i64>,
}

impl<'a> Columns<'a> {
    fn of(batch: &'a [Mutation]) -> Result<Self, StoreError> {
        let mut bodies = Vec::with_capacity(batch.len());
        for mutation in batch {
            bodies.push(match &mutation.action {
                Action::Put { body, .. } => Some(text(body)?),
                Action::Delete => None,
            });
        }
        let expiry = |mutation: &Mutation| match mutation.action {
            Action::Put { expires_at, .. } => expires_at.map(|Timestamp(micros)| micros),
            Action::Delete => None,
        };
        // Versions begin at 1.
        let precondition = |mutation: &Mutation| match mutation.precondition {
            Precondition::None => None,
            Precondition::Absent => Some(0),
            Precondition::Version(version) => Some(column(version.0)),
        };
        let new_link = |_: &Mutation| history::new_link().0.cast_signed();
        Ok(Self {
            collections: batch.iter().map(|m| m.key.collection()).collect(),
            ids: batch.iter().map(|m| m.key.id()).collect(),
            bodies,
            expiries: batch.iter().map(expiry).collect(),
            preconditions: batch.iter().map(precondition).collect(),
            links: batch.iter().map(new_link).collect(),
        })
    }

    async fn apply(
        self,
        connection: &mut PgConnection,
        tip: Tip,
    ) -> Result<Vec<Judged>, StoreError> {
        sqlx::query_as(include_str!("apply.sql"))
            .bind(self.collections)
            .bind(self.ids)
            .bind(self.bodies)
            .bind(self.expiries)
            .bind(self.preconditions)
            .bind(self.links)
            .bind(column(tip.position.sequence.0))
            .bind(tip.link.0.cast_signed())
            .fetch_all(connection)
            .await
            .map_err(refused_or_unavailable)
    }
}

fn text(body: &[u8]) -> Result<&str, StoreError> {
    std::str::from_utf8(body)
        .map_err(|error| StoreError::Refused(sqlx::Error::Encode(Box::new(error))))
}

/// Whether the batch itself is at fault: data exceptions (22), violated constraints (23), limits of
/// the program such as nesting (54). PostgreSQL, appendix A.
fn refused_or_unavailable(error: sqlx::Error) -> StoreError {
    let code = match &error {
        sqlx::Error::Database(error) => error.code(),
        _ => None,
    };
    let is_refused = code.is_some_and(|code| {
        ["22", "23", "54"]
            .iter()
            .any(|class| code.starts_with(class))
    });
    if is_refused {
        StoreError::Refused(error)
    } else {
        StoreError::unavailable("applying a batch")(error)
    }
}

/// What the statement says of one mutation.
#[derive(FromRow)]
struct Judged {
    verdict: String,
    now: i64,
    version: Option<i64>,
    sequence: Option<i64>,
    prev_link: Option<i64>,
    link: Option<i64>,
}

impl Judged {
    fn outcome(&self, epoch: Epoch) -> Result<Outcome, StoreError> {
        Ok(match self.verdict.as_str() {
            "created" => Outcome::Created(self.committed(epoch)?),
            "updated" => Outcome::Updated(self.committed(epoch)?),
            "deleted" => Outcome::Deleted(self.committed(epoch)?),
            "unchanged" => Outcome::Unchanged {
                version: version(present(self.version)?)?,
                position: position(epoch, present(self.sequence)?)?,
            },
            "not found" => Outcome::NotFound,
            "failed" => Outcome::PreconditionFailed,
            _ => return Err(StoreError::Unexpected("verdict")),
        })
    }

    fn committed(&self, epoch: Epoch) -> Result<Committed, StoreError> {
        let slot = Slot {
            position: position(epoch, present(self.sequence)?)?,
            prev_link: link(present(self.prev_link)?),
            link: link(present(self.link)?),
        };
        Ok(Committed {
            version: version(present(self.version)?)?,
            slot,
            updated_at: Timestamp(self.now),
        })
    }
}

fn present(number: Option<i64>) -> Result<i64, StoreError> {
    number.ok_or(StoreError::Unexpected("missing number"))
}
