//! The truth in PostgreSQL.

mod commit;
mod lease;
mod pages;
mod session;
mod stamps;

pub use session::{
    ACQUIRE_TIMEOUT, BEAT_TIMEOUT, COMMIT_CONNECTIONS_MAX, CONNECT_TIMEOUT,
    IDLE_IN_TRANSACTION_TIMEOUT, LEASE_TIMEOUT, LOCK_TIMEOUT, OPERATION_TIMEOUT, PostgresOptions,
    STATEMENT_TIMEOUT,
};

use std::sync::LazyLock;

use async_trait::async_trait;
use shared::{ResourceKey, Sequence, Version};
use sqlx::{
    PgPool, Postgres,
    migrate::Migrator,
    pool::PoolConnection,
    postgres::{PgConnectOptions, PgConnection, PgPoolOptions},
};

use self::session::{in_time, within};
use super::{
    Batch, ChangePage, Document, DocumentPage, Feed, Lease, Mutation, Outcome, Pruned, Retry,
    StampPage, Store, StoreError, Tip,
};

static MIGRATIONS: LazyLock<Migrator> = LazyLock::new(|| {
    let mut migrations = sqlx::migrate!("../../migrations/postgres");
    // A newer version may have migrated already: expand/contract keeps that safe.
    migrations.set_ignore_missing(true);
    migrations
});

/// The database has no such table (PostgreSQL, appendix A).
const UNDEFINED_TABLE: &str = "42P01";

/// The truth in PostgreSQL 14 or later, which every writer shares.
///
/// Every operation has deadlines, on this side and on the server's; see the constants here. A
/// connection on which anything failed is closed rather than used again.
#[derive(Debug)]
pub struct PostgresStore {
    pool: PgPool,
    /// Connections for batches alone, which keep their plans: see [`session::commit_options`].
    commits: PgPool,
    /// For connections outside the pools.
    connect: PgConnectOptions,
    options: PostgresOptions,
}

impl PostgresStore {
    /// Whether a URL can be used, as far as that shows without a connection.
    ///
    /// # Errors
    /// What is wrong with it, as the end of a sentence about it.
    pub fn check_url(url: &str) -> Result<(), String> {
        match session::parse(url) {
            Ok(_options) => Ok(()),
            Err(complaint) => Err(format!("is not a URL of PostgreSQL: {complaint}")),
        }
    }

    /// Connects, and checks that the database is a primary, has the schema and does not acknowledge
    /// commits that it may lose.
    ///
    /// # Errors
    /// [`StoreError::Unsuitable`] where a check fails or `url` is not one; else the database is
    /// away.
    pub async fn connect(url: &str, options: PostgresOptions) -> Result<Self, StoreError> {
        let connect = session::options(url)?;
        let pool = PgPoolOptions::new()
            .max_connections(options.connections_max)
            .acquire_timeout(ACQUIRE_TIMEOUT)
            .connect_lazy_with(connect.clone());
        let commits = PgPoolOptions::new()
            .max_connections(COMMIT_CONNECTIONS_MAX)
            .acquire_timeout(ACQUIRE_TIMEOUT)
            // BEGIN finds out just as well; see `commit`.
            .test_before_acquire(false)
            .connect_lazy_with(session::commit_options(connect.clone()));
        let mut connection = session::open(&connect).await?;
        session::check(&mut connection).await?;
        check_schema(&mut connection).await?;
        Ok(Self {
            pool,
            commits,
            connect,
            options,
        })
    }

    /// Applies the migrations that are missing. Safe to run from several processes at once. Waits
    /// for as long as they take.
    ///
    /// # Errors
    /// One failed, or one was applied with other content; else the database is away.
    pub async fn migrate(url: &str) -> Result<(), StoreError> {
        let mut connection = session::open(&session::untimed_options(url)?).await?;
        MIGRATIONS
            .run_direct(None, &mut connection, false)
            .await
            .map_err(StoreError::Migrate)
    }

    async fn acquire(
        &self,
        operation: &'static str,
    ) -> Result<PoolConnection<Postgres>, StoreError> {
        self.pool
            .acquire()
            .await
            .map_err(StoreError::unavailable(operation))
    }
}

/// Gives a connection back, or closes it at once where what it was used for failed: it may still
/// wait for an answer, or hold a transaction open.
fn settle<T>(
    connection: PoolConnection<Postgres>,
    result: Result<T, StoreError>,
) -> Result<T, StoreError> {
    if result.is_err() {
        drop(connection.detach());
    }
    result
}

async fn check_schema(connection: &mut PgConnection) -> Result<(), StoreError> {
    let query = sqlx::query_scalar("SELECT version FROM _sqlx_migrations WHERE success");
    let applied: Vec<i64> = match in_time(OPERATION_TIMEOUT, query.fetch_all(connection)).await {
        Err(sqlx::Error::Database(error)) if error.code().as_deref() == Some(UNDEFINED_TABLE) => {
            Vec::new()
        }
        applied => applied.map_err(StoreError::unavailable("checking the schema"))?,
    };
    match MIGRATIONS
        .iter()
        .find(|migration| !applied.contains(&migration.version))
    {
        None => Ok(()),
        Some(missing) => Err(StoreError::Unsuitable(format!(
            "the database lacks migration {} ({}): run `pressrun migrate`, or start a writer with \
             WRITER_MIGRATE=true",
            missing.version, missing.description
        ))),
    }
}

#[async_trait]
impl Store for PostgresStore {
    fn system(&self) -> &'static str {
        "postgresql"
    }

    async fn commit(&self, known: Option<Tip>, batch: &[Mutation]) -> Result<Batch, StoreError> {
        commit::commit(self, known, batch).await
    }

    async fn feed(&self) -> Result<Feed, StoreError> {
        let mut connection = self.acquire("reading the feed").await?;
        let feed = pages::feed(&mut connection, OPERATION_TIMEOUT).await;
        settle(connection, feed)
    }

    async fn live(&self, key: &ResourceKey) -> Result<Option<Document>, StoreError> {
        let mut connection = self.acquire("reading a document").await?;
        let document = pages::live(&mut connection, key).await;
        settle(connection, document)
    }

    async fn document(&self, key: &ResourceKey) -> Result<Option<Document>, StoreError> {
        let mut connection = self.acquire("reading a document").await?;
        let document = pages::document(&mut connection, key).await;
        settle(connection, document)
    }

    async fn changes(&self, after: Sequence, limit: u32) -> Result<ChangePage, StoreError> {
        let mut connection = self.acquire("reading changes").await?;
        let page = pages::changes(&mut connection, after, limit).await;
        settle(connection, page)
    }

    async fn documents(
        &self,
        after: Option<&ResourceKey>,
        limit: u32,
    ) -> Result<DocumentPage, StoreError> {
        let mut connection = self.acquire("reading documents").await?;
        let page = pages::documents(&mut connection, after, limit).await;
        settle(connection, page)
    }

    async fn stamps(
        &self,
        after: Option<&ResourceKey>,
        limit: u32,
    ) -> Result<StampPage, StoreError> {
        let mut connection = self.acquire("reading stamps").await?;
        let page = stamps::stamps(&mut connection, after, limit).await;
        settle(connection, page)
    }

    async fn absent(&self, keys: &[ResourceKey]) -> Result<Vec<ResourceKey>, StoreError> {
        let mut connection = self.acquire("looking keys up").await?;
        let absent = stamps::absent(&mut connection, keys).await;
        settle(connection, absent)
    }

    async fn count(&self) -> Result<u64, StoreError> {
        let mut connection = self.acquire("counting documents").await?;
        let count = pages::count(&mut connection).await;
        settle(connection, count)
    }

    async fn confirm(&self, known: Tip) -> Result<Tip, StoreError> {
        commit::confirm(self, known).await
    }

    async fn begin_epoch(&self) -> Result<Tip, StoreError> {
        commit::begin_epoch(self).await
    }

    async fn expired(&self, limit: u32) -> Result<Vec<(ResourceKey, Version)>, StoreError> {
        let mut connection = self.acquire("finding expired documents").await?;
        let expired = pages::expired(&mut connection, limit).await;
        settle(connection, expired)
    }

    async fn prune(&self, floor: Sequence, limit: u32) -> Result<Pruned, StoreError> {
        let mut connection = self.acquire("pruning").await?;
        let pruned = pages::prune(&mut connection, floor, limit).await;
        settle(connection, pruned)
    }

    async fn receipt(&self, retry: &Retry) -> Result<Option<Outcome>, StoreError> {
        let mut connection = self.acquire("looking a receipt up").await?;
        let keys = [&retry.key[..]];
        let found = within(
            "looking a receipt up",
            OPERATION_TIMEOUT,
            commit::receipts::find(&mut connection, &keys),
        )
        .await;
        let found = settle(connection, found)?;
        found.first().map(|row| retry.outcome(row)).transpose()
    }

    async fn prune_receipts(&self, limit: u32) -> Result<u64, StoreError> {
        let mut connection = self.acquire("pruning receipts").await?;
        let pruned = commit::receipts::prune(&mut connection, limit).await;
        settle(connection, pruned)
    }

    async fn lead(&self) -> Result<Option<Box<dyn Lease>>, StoreError> {
        let lease = lease::take(&self.connect).await?;
        Ok(lease.map(|lease| Box::new(lease) as Box<dyn Lease>))
    }
}
