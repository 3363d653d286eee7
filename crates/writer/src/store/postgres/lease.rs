//! Leadership: an advisory lock on a connection of its own.

use async_trait::async_trait;
use sqlx::postgres::{PgConnectOptions, PgConnection};

use super::{
    pages,
    session::{BEAT_TIMEOUT, LEASE_TIMEOUT, OPERATION_TIMEOUT, milliseconds, open, within},
};
use crate::store::{Feed, Lease, StoreError};

/// The advisory lock of the leader: any number that nobody else uses in this database.
const LEADER_LOCK: i64 = 0x7072_6573_7372_756e; // "pressrun"

/// The session that holds the lock. The server ends it, and with it the lock, when nothing is heard
/// from it for [`LEASE_TIMEOUT`]; dropping it closes the socket, which does the same at once.
#[derive(Debug)]
pub(super) struct PostgresLease {
    term: u64,
    /// Away once a beat failed or was given up: the session's state is unknown then.
    session: Option<PgConnection>,
}

/// `None` where another session holds the lock.
pub(super) async fn take(options: &PgConnectOptions) -> Result<Option<PostgresLease>, StoreError> {
    // Set from the first moment, so that no pause before the first beat is longer either.
    let options = options
        .clone()
        .options([("idle_session_timeout", milliseconds(LEASE_TIMEOUT))]);
    let mut session = open(&options).await?;
    let lock = sqlx::query_scalar("SELECT pg_try_advisory_lock($1)").bind(LEADER_LOCK);
    let is_ours: bool = within(
        "taking the leadership",
        OPERATION_TIMEOUT,
        lock.fetch_one(&mut session),
    )
    .await?;
    if !is_ours {
        return Ok(None);
    }
    let next = sqlx::query_scalar("UPDATE feed SET term = term + 1 RETURNING term");
    let term: i64 = within(
        "taking the next term",
        OPERATION_TIMEOUT,
        next.fetch_one(&mut session),
    )
    .await?;
    Ok(Some(PostgresLease {
        term: u64::try_from(term).or(Err(StoreError::Unexpected("term")))?,
        session: Some(session),
    }))
}

#[async_trait]
impl Lease for PostgresLease {
    fn term(&self) -> u64 {
        self.term
    }

    async fn beat(&mut self) -> Result<Feed, StoreError> {
        // Taken out for the time of the call, so that one that is dropped halfway closes it.
        let mut session = self.session.take().ok_or(StoreError::Unavailable {
            operation: "beating",
            source: sqlx::Error::PoolClosed,
        })?;
        let feed = pages::feed(&mut session, BEAT_TIMEOUT).await?;
        self.session = Some(session);
        Ok(feed)
    }
}
