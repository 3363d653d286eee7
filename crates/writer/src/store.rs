//! The truth: every SQL statement of the system lies below this module.
//!
//! [`Store`] is implemented by [`postgres`] and by [`sqlite`]; `contract` lists what both promise.

pub mod postgres;
pub mod sqlite;

use async_trait::async_trait;
use bytes::Bytes;
use shared::{Epoch, Link, Position, ResourceKey, Sequence, Slot, Timestamp, Version};

/// One write that a client asked for, valid in itself.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Mutation {
    /// The document.
    pub key: ResourceKey,
    /// What to do to it.
    pub action: Action,
    /// What must hold of the stored document for it to be done.
    pub precondition: Precondition,
}

/// What a mutation does.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Action {
    /// Creates or replaces the document.
    Put {
        /// Minified JSON, UTF-8, at most [`shared::limits::BODY_BYTES_MAX`].
        body: Bytes,
        /// When the document ends to be served, if it does.
        expires_at: Option<Timestamp>,
    },
    /// Deletes it, leaving a tombstone.
    Delete,
}

/// What must hold of the stored document, judged under the feed lock.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Precondition {
    /// Nothing.
    None,
    /// No live document has the key (`If-None-Match: *`).
    Absent,
    /// A live document has the key and bears this version (resolved from `If-Match`).
    Version(Version),
}

/// What became of one mutation of a committed batch.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Outcome {
    /// A change was made: there was no live document before.
    Created(Committed),
    /// A change was made to a live document.
    Updated(Committed),
    /// The live document has this very body and expiry: no new version.
    Unchanged {
        /// Its version.
        version: Version,
        /// The position of its last change.
        position: Position,
    },
    /// A change was made: the document is deleted.
    Deleted(Committed),
    /// Nothing to delete.
    NotFound,
    /// The precondition does not hold; nothing was done.
    PreconditionFailed,
}

/// One change that a batch made.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Committed {
    /// The document's version after it.
    pub version: Version,
    /// Position and links of the change.
    pub slot: Slot,
    /// Database time of the change.
    pub updated_at: Timestamp,
}

/// A committed batch.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Batch {
    /// One outcome per mutation, in order.
    pub outcomes: Vec<Outcome>,
    /// The database's tip after it.
    pub tip: Tip,
    /// Whether the transaction found that history had broken and began a new epoch first.
    pub began_epoch: bool,
}

/// The last change that somebody knows of.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Tip {
    /// Where it stands.
    pub position: Position,
    /// Its link: [`Link::ZERO`] where the epoch has no change yet and none before it.
    pub link: Link,
}

/// The `feed` row with the database's clock.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Feed {
    /// Epoch, head and the link at the head.
    pub tip: Tip,
    /// Database time.
    pub now: Timestamp,
}

/// A stored document or its tombstone.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Document {
    /// Its key.
    pub key: ResourceKey,
    /// Its version.
    pub version: Version,
    /// Position and links of its last change.
    pub slot: Slot,
    /// Minified JSON; `None` for a tombstone.
    pub body: Option<Bytes>,
    /// When it was first created.
    pub created_at: Timestamp,
    /// When its last change was made.
    pub updated_at: Timestamp,
    /// When it ends to be served.
    pub expires_at: Option<Timestamp>,
}

/// One row of the log with its document as it is now.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Change {
    /// The change's position and links.
    pub slot: Slot,
    /// The document's current state, of a sequence at or above the slot's.
    pub document: Document,
}

/// Changes in sequence order, read in one database snapshot.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ChangePage {
    /// The feed in the same snapshot.
    pub feed: Feed,
    /// The lowest change kept, or head + 1 where none is: a range that begins below it was pruned.
    pub floor: Sequence,
    /// The changes above the sequence asked for.
    pub changes: Vec<Change>,
}

/// Documents and tombstones in key order, read in one database snapshot.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct DocumentPage {
    /// The epoch in the same snapshot: pages of different epochs must not be joined.
    pub epoch: Epoch,
    /// The documents above the key asked for; fewer than the limit means the end.
    pub documents: Vec<Document>,
}

/// Why the store could not do what was asked.
#[derive(Debug, thiserror::Error)]
pub enum StoreError {
    /// The database is away, busy beyond its deadlines, or answered with an error; a transaction
    /// that was under way was rolled back or never began.
    #[error("{operation} failed")]
    Unavailable {
        /// What was being done.
        operation: &'static str,
        /// The database's own word.
        #[source]
        source: sqlx::Error,
    },
    /// COMMIT was sent and no answer came, and looking the batch's link up failed as well: whether
    /// the batch is stored is unknown.
    #[error("the outcome of a commit is unknown")]
    CommitUnknown(#[source] sqlx::Error),
    /// The database is not fit to hold the truth, e.g. `synchronous_commit` is off.
    #[error("{0}")]
    Unsuitable(String),
    /// The schema is not the one this version needs.
    #[error("migrations failed")]
    Migrate(#[source] sqlx::migrate::MigrateError),
    /// The database holds what this version never writes.
    #[error("unexpected {0} in the database")]
    Unexpected(&'static str),
}

/// The database that holds the truth.
///
/// Cheap to clone behind an `Arc`. No operation retries by itself, except for resolving a lost
/// COMMIT answer.
#[async_trait]
pub trait Store: Send + Sync + std::fmt::Debug {
    /// Commits one batch: locks the feed row, checks that the history still is the one in which
    /// `known` was seen (else begins a new epoch in the same transaction), judges each mutation,
    /// applies those that hold, advances the head by one per change and commits.
    ///
    /// No key occurs twice in `batch`, and it has at most [`BATCH_MAX`] mutations.
    ///
    /// # Errors
    /// Nothing was changed, except for [`StoreError::CommitUnknown`].
    async fn commit(&self, known: Option<Tip>, batch: &[Mutation]) -> Result<Batch, StoreError>;

    /// The feed row and the database's clock, from the primary.
    ///
    /// # Errors
    /// The database is away.
    async fn feed(&self) -> Result<Feed, StoreError>;

    /// One document, or its tombstone.
    ///
    /// # Errors
    /// The database is away.
    async fn document(&self, key: &ResourceKey) -> Result<Option<Document>, StoreError>;

    /// At most `limit` changes above `after`, whose bodies together pass [`PAGE_BYTES`] by at most
    /// one body.
    ///
    /// # Errors
    /// The database is away.
    async fn changes(&self, after: Sequence, limit: u32) -> Result<ChangePage, StoreError>;

    /// At most `limit` documents and tombstones above `after` in key order.
    ///
    /// # Errors
    /// The database is away.
    async fn documents(
        &self,
        after: Option<&ResourceKey>,
        limit: u32,
    ) -> Result<DocumentPage, StoreError>;

    /// How many documents and tombstones there are, roughly: to choose the number of buckets.
    ///
    /// # Errors
    /// The database is away.
    async fn count(&self) -> Result<u64, StoreError>;

    /// Checks that the history still is the one in which `known` was seen, and begins a new epoch
    /// if it is not, as [`Self::commit`] does. Gives the tip afterwards.
    ///
    /// # Errors
    /// The database is away.
    async fn confirm(&self, known: Tip) -> Result<Tip, StoreError>;

    /// Begins a new epoch by hand: above every epoch known and above the database's clock.
    ///
    /// # Errors
    /// The database is away.
    async fn begin_epoch(&self) -> Result<Tip, StoreError>;

    /// Tries to become the leader: takes the lock that at most one process holds and the next
    /// term. `None` where another process leads.
    ///
    /// # Errors
    /// The database is away.
    async fn lead(&self) -> Result<Option<Box<dyn Lease>>, StoreError>;
}

/// Leadership, held until it is dropped or the database takes it back.
///
/// On PostgreSQL it is an advisory lock on a connection of its own, with `idle_session_timeout` of
/// 2 s: a leader that does not beat for that long has lost it.
#[async_trait]
pub trait Lease: Send + std::fmt::Debug {
    /// The number of this leadership: higher than every earlier one of this database.
    fn term(&self) -> u64;

    /// Keeps the lease and reads the feed, on the lease's own connection.
    ///
    /// # Errors
    /// The lease is lost; drop it.
    async fn beat(&mut self) -> Result<Feed, StoreError>;
}

/// Most mutations of one batch.
pub const BATCH_MAX: usize = 512;

/// About how many octets of bodies one page of changes or documents carries.
pub const PAGE_BYTES: usize = 4 * 1024 * 1024;
