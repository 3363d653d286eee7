//! The feed row, locked until the transaction ends, and the history it stands for.

use shared::{Epoch, Position};
use sqlx::{FromRow, Row, postgres::PgConnection};

use crate::store::{
    StoreError, Tip,
    history::History,
    postgres::session::refuse_asynchronous_commit,
    rows::{TipRow, column, epoch, link},
};

/// The feed row under its lock.
#[derive(Debug)]
pub(super) struct LockedFeed {
    /// As it was when the lock was taken.
    pub(super) tip: Tip,
    /// Whether this database is the one, on the timeline, that the row was written in.
    pub(super) is_at_home: bool,
}

impl LockedFeed {
    /// Waits for the lock. The settings are looked at here once more, because they may change under
    /// a running session. The timeline is the one that WAL is written on now: the control file
    /// still names the old one for a while after a promotion.
    pub(super) async fn lock(connection: &mut PgConnection) -> Result<Self, StoreError> {
        let row = sqlx::query(
            "SELECT epoch, head, link AS head_link,
                system_identifier = (SELECT system_identifier FROM pg_control_system())
                    AND timeline = ('x' || left(pg_walfile_name(pg_current_wal_lsn()), 8))
                        ::bit(32)::bigint AS is_at_home,
                current_setting('synchronous_commit') AS synchronous_commit
            FROM feed FOR UPDATE",
        )
        .fetch_one(connection)
        .await
        .map_err(StoreError::unavailable("locking the feed"))?;
        let get = StoreError::unavailable("decoding the feed");
        let setting: String = row.try_get("synchronous_commit").map_err(&get)?;
        refuse_asynchronous_commit(&setting)?;
        Ok(Self {
            tip: TipRow::from_row(&row).map_err(&get)?.tip()?,
            is_at_home: row.try_get("is_at_home").map_err(&get)?,
        })
    }

    /// Whether this still is the history in which `known` was seen.
    pub(super) async fn holds(
        &self,
        connection: &mut PgConnection,
        known: &Tip,
    ) -> Result<bool, StoreError> {
        if !self.is_at_home {
            return Ok(false);
        }
        let sequence = match History::judge(&self.tip, known) {
            History::Stands => return Ok(true),
            History::Broken => return Ok(false),
            History::Within(sequence) => sequence,
        };
        // The change after it names it too; with both pruned nobody can tell.
        let found: Option<i64> = sqlx::query_scalar(
            "SELECT coalesce((SELECT link FROM changes WHERE sequence = $1),
                (SELECT prev_link FROM changes WHERE sequence = $1 + 1))",
        )
        .bind(column(sequence.0))
        .fetch_one(connection)
        .await
        .map_err(StoreError::unavailable("looking a link up"))?;
        Ok(found.is_none_or(|found| link(found) == known.link))
    }

    /// Begins an epoch above every one known and above the clock. The numbering goes on from the
    /// head that this database has, so sequences and links of what is stored keep their meaning.
    pub(super) async fn begin_epoch(
        &self,
        connection: &mut PgConnection,
        known: Option<Tip>,
    ) -> Result<Tip, StoreError> {
        let known = known.map_or(Epoch(0), |tip| tip.position.epoch);
        let begun: i64 = sqlx::query_scalar(
            "UPDATE feed SET
                epoch = greatest(epoch + 1, $1 + 1, to_micros(clock_timestamp())),
                system_identifier = (SELECT system_identifier FROM pg_control_system()),
                timeline = ('x' || left(pg_walfile_name(pg_current_wal_lsn()), 8))
                    ::bit(32)::bigint
            RETURNING epoch",
        )
        .bind(column(known.0))
        .fetch_one(connection)
        .await
        .map_err(StoreError::unavailable("beginning an epoch"))?;
        Ok(Tip {
            position: Position::new(epoch(begun)?, self.tip.position.sequence),
            link: self.tip.link,
        })
    }
}
