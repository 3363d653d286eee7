//! The truth in SQLite, for one process.

mod commit;
mod pages;
mod stamps;

use std::{
    fs::{File, TryLockError},
    io,
    path::Path,
    sync::LazyLock,
    time::Duration,
};

use async_trait::async_trait;
use shared::{ResourceKey, Sequence, Version};
use sqlx::{
    ConnectOptions, SqlitePool,
    migrate::Migrator,
    sqlite::{SqliteConnectOptions, SqliteJournalMode, SqlitePoolOptions, SqliteSynchronous},
};

use super::{
    Batch, ChangePage, Document, DocumentPage, Feed, Lease, Mutation, Outcome, Pruned, Retry,
    StampPage, Store, StoreError, Tip,
};

static MIGRATIONS: LazyLock<Migrator> = LazyLock::new(|| {
    let mut migrations = sqlx::migrate!("../../migrations/sqlite");
    // A newer version may have used the directory: expand/contract keeps that safe.
    migrations.set_ignore_missing(true);
    migrations
});

/// The database's file in the data directory.
pub const DATABASE_FILE: &str = "pressrun.db";

/// The file whose lock the one process on a data directory holds.
pub const LOCK_FILE: &str = "pressrun.lock";

/// Connections that read, beside the one that writes.
pub const READERS: u32 = 4;

/// How long an operation waits for its connection: as long as those before it may take.
pub const ACQUIRE_TIMEOUT: Duration = Duration::from_secs(10);

/// The truth in one file of a data directory, in WAL mode with every commit synced to the disk.
///
/// One process at a time: SQLite would let a second one in, whose commits this one's readers would
/// never be sent. A lock on [`LOCK_FILE`] keeps it out.
#[derive(Debug)]
pub struct SqliteStore {
    /// One connection: writes wait for each other here rather than in SQLite.
    writer: SqlitePool,
    readers: SqlitePool,
    /// Locked until the store is dropped.
    _lock: File,
}

impl SqliteStore {
    /// Opens the database in `directory`, making both if need be, and applies the migrations that
    /// are missing.
    ///
    /// # Errors
    /// [`StoreError::Unsuitable`] where the directory cannot be used or another process uses it.
    pub async fn open(directory: &Path) -> Result<Self, StoreError> {
        let lock = lock(directory)?;
        let options = SqliteConnectOptions::new()
            .filename(directory.join(DATABASE_FILE))
            .create_if_missing(true)
            .journal_mode(SqliteJournalMode::Wal)
            .synchronous(SqliteSynchronous::Full)
            .disable_statement_logging();
        let writer = SqlitePoolOptions::new()
            .max_connections(1)
            .acquire_timeout(ACQUIRE_TIMEOUT)
            .connect_with(options.clone())
            .await
            .map_err(StoreError::unavailable("opening the database"))?;
        MIGRATIONS.run(&writer).await.map_err(StoreError::Migrate)?;
        let readers = SqlitePoolOptions::new()
            .max_connections(READERS)
            .acquire_timeout(ACQUIRE_TIMEOUT)
            .connect_lazy_with(options.read_only(true));
        Ok(Self {
            writer,
            readers,
            _lock: lock,
        })
    }
}

fn lock(directory: &Path) -> Result<File, StoreError> {
    let refuse = |what: &str, error: io::Error| {
        StoreError::Unsuitable(format!("{what} {}: {error}", directory.display()))
    };
    std::fs::create_dir_all(directory)
        .map_err(|error| refuse("cannot make the data directory", error))?;
    let file = File::options()
        .create(true)
        .truncate(false)
        .write(true)
        .open(directory.join(LOCK_FILE))
        .map_err(|error| refuse("cannot write to the data directory", error))?;
    match file.try_lock() {
        Ok(()) => Ok(file),
        Err(TryLockError::WouldBlock) => Err(StoreError::Unsuitable(format!(
            "another process uses the data directory {}",
            directory.display()
        ))),
        Err(TryLockError::Error(error)) => Err(refuse("cannot lock the data directory", error)),
    }
}

#[async_trait]
impl Store for SqliteStore {
    fn system(&self) -> &'static str {
        "sqlite"
    }

    async fn commit(&self, known: Option<Tip>, batch: &[Mutation]) -> Result<Batch, StoreError> {
        commit::commit(&self.writer, known, batch).await
    }

    async fn feed(&self) -> Result<Feed, StoreError> {
        pages::feed(&self.readers).await
    }

    async fn live(&self, key: &ResourceKey) -> Result<Option<Document>, StoreError> {
        pages::live(&self.readers, key).await
    }

    async fn document(&self, key: &ResourceKey) -> Result<Option<Document>, StoreError> {
        pages::document(&self.readers, key).await
    }

    async fn changes(&self, after: Sequence, limit: u32) -> Result<ChangePage, StoreError> {
        pages::changes(&self.readers, after, limit).await
    }

    async fn documents(
        &self,
        after: Option<&ResourceKey>,
        limit: u32,
    ) -> Result<DocumentPage, StoreError> {
        pages::documents(&self.readers, after, limit).await
    }

    async fn stamps(
        &self,
        after: Option<&ResourceKey>,
        limit: u32,
    ) -> Result<StampPage, StoreError> {
        stamps::stamps(&self.readers, after, limit).await
    }

    async fn absent(&self, keys: &[ResourceKey]) -> Result<Vec<ResourceKey>, StoreError> {
        stamps::absent(&self.readers, keys).await
    }

    async fn count(&self) -> Result<u64, StoreError> {
        pages::count(&self.readers).await
    }

    async fn confirm(&self, known: Tip) -> Result<Tip, StoreError> {
        let batch = commit::commit(&self.writer, Some(known), &[]).await?;
        Ok(batch.tip)
    }

    async fn begin_epoch(&self) -> Result<Tip, StoreError> {
        commit::begin_epoch(&self.writer).await
    }

    async fn expired(&self, limit: u32) -> Result<Vec<(ResourceKey, Version)>, StoreError> {
        pages::expired(&self.readers, limit).await
    }

    async fn prune(&self, floor: Sequence, limit: u32) -> Result<Pruned, StoreError> {
        commit::prune(&self.writer, floor, limit).await
    }

    async fn receipt(&self, retry: &Retry) -> Result<Option<Outcome>, StoreError> {
        let mut connection = self
            .readers
            .acquire()
            .await
            .map_err(StoreError::unavailable("looking a receipt up"))?;
        let found = commit::receipts::find(&mut connection, &retry.key).await?;
        found.map(|row| retry.outcome(&row)).transpose()
    }

    async fn prune_receipts(&self, limit: u32) -> Result<u64, StoreError> {
        commit::receipts::prune(&self.writer, limit).await
    }

    /// Always granted: the lock on the data directory has settled who leads.
    async fn lead(&self) -> Result<Option<Box<dyn Lease>>, StoreError> {
        let term = commit::next_term(&self.writer).await?;
        Ok(Some(Box::new(SqliteLease {
            term,
            readers: self.readers.clone(),
        })))
    }
}

/// Leadership of the one process there is: it cannot be lost.
#[derive(Debug)]
struct SqliteLease {
    term: u64,
    readers: SqlitePool,
}

#[async_trait]
impl Lease for SqliteLease {
    fn term(&self) -> u64 {
        self.term
    }

    async fn beat(&mut self) -> Result<Feed, StoreError> {
        pages::feed(&self.readers).await
    }
}
