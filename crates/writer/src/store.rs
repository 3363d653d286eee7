//! The truth: every SQL statement of the system lies below this module.
//!
//! [`Store`] is implemented by [`postgres`] and by [`sqlite`]; the tests' `contract` lists what both
//! promise and runs against both.

mod continuation;
mod error;
mod history;
mod mutation;
pub mod postgres;
mod receipt;
mod rows;
pub mod sqlite;

use async_trait::async_trait;
use bytes::Bytes;
use shared::{Epoch, Link, Position, ResourceKey, Sequence, Slot, Timestamp, Version};

pub use continuation::Continuation;
pub use error::StoreError;
pub use history::EPOCH_SEEN_MAX;
pub use mutation::{Action, BATCH_MAX, Batch, Committed, Mutation, Outcome, Precondition};
pub use receipt::{RECEIPTS_KEPT, Receipt, Retry, RetryKey};

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
    /// The document's current state, of a sequence at or above the slot's: several changes of one
    /// key carry the same document.
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
    /// The documents above the key asked for.
    pub documents: Vec<Document>,
    /// The last key of this page, to ask for the next one with; `None` at the end.
    pub next: Option<ResourceKey>,
}

/// What tells one state of a document from another, without its body.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Stamp {
    /// Its key.
    pub key: ResourceKey,
    /// The sequence of its last change.
    pub sequence: Sequence,
    /// The link of its last change.
    pub link: Link,
    /// Whether it is a tombstone.
    pub is_deleted: bool,
}

/// Stamps in key order, read in one database snapshot.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct StampPage {
    /// The epoch in the same snapshot.
    pub epoch: Epoch,
    /// The stamps above the key asked for.
    pub stamps: Vec<Stamp>,
    /// The last key of a full page, to ask for the next one with; `None` at the end.
    pub next: Option<ResourceKey>,
}

impl StampPage {
    /// A page of what a statement bounded by `limit` gave.
    fn of(epoch: Epoch, stamps: Vec<Stamp>, limit: u32) -> Self {
        let is_full = u32::try_from(stamps.len()).is_ok_and(|len| len >= limit);
        let last = stamps.last().filter(|_last| is_full);
        Self {
            epoch,
            next: last.map(|stamp| stamp.key.clone()),
            stamps,
        }
    }
}

/// What [`Store::prune`] removed.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Pruned {
    /// Rows of the log.
    pub changes: u64,
    /// Deleted documents that no row of the log names any more.
    pub tombstones: u64,
}

/// The database that holds the truth.
///
/// Cheap to clone behind an `Arc`. No operation retries by itself, except for resolving a lost
/// COMMIT answer.
#[async_trait]
pub trait Store: Send + Sync + std::fmt::Debug {
    /// Which database it is, as OpenTelemetry calls it.
    fn system(&self) -> &'static str;

    /// Commits one batch: locks the feed row, checks that the history still is the one in which
    /// `known` was seen (else begins a new epoch in the same transaction), judges each mutation,
    /// applies those that hold, advances the head by one per change and commits.
    ///
    /// # Errors
    /// Nothing was changed, except for [`StoreError::CommitUnknown`].
    ///
    /// # Panics
    /// A key, of a document or of a retry, occurs twice in `batch`, or it has more than [`BATCH_MAX`] mutations.
    ///
    /// # Cancel safety
    /// None: whether the batch is stored is unknown to a caller that stops waiting.
    async fn commit(&self, known: Option<Tip>, batch: &[Mutation]) -> Result<Batch, StoreError>;

    /// The feed row and the database's clock, from the primary.
    ///
    /// # Errors
    /// The database is away.
    async fn feed(&self) -> Result<Feed, StoreError>;

    /// The document, unless it is deleted or has expired by the database's clock.
    ///
    /// # Errors
    /// The database is away.
    async fn live(&self, key: &ResourceKey) -> Result<Option<Document>, StoreError>;

    /// One document, expired or not, or its tombstone.
    ///
    /// # Errors
    /// The database is away.
    async fn document(&self, key: &ResourceKey) -> Result<Option<Document>, StoreError>;

    /// At most `limit` changes above `after`, whose bodies together pass [`PAGE_BYTES`] by at most
    /// one body. The end is reached when the last one's sequence is the feed's head.
    ///
    /// # Errors
    /// The database is away.
    async fn changes(&self, after: Sequence, limit: u32) -> Result<ChangePage, StoreError>;

    /// At most `limit` (at least 1) documents and tombstones above `after`, ordered by the octets of
    /// the collection, then of the id. Their bodies together pass [`PAGE_BYTES`] by at most one
    /// body.
    ///
    /// # Errors
    /// The database is away.
    async fn documents(
        &self,
        after: Option<&ResourceKey>,
        limit: u32,
    ) -> Result<DocumentPage, StoreError>;

    /// Stamps of at most `limit` (at least 1) documents and tombstones above `after`, in the order
    /// of [`Self::documents`].
    ///
    /// # Errors
    /// The database is away.
    async fn stamps(
        &self,
        after: Option<&ResourceKey>,
        limit: u32,
    ) -> Result<StampPage, StoreError>;

    /// Those of `keys` under which there is neither a document nor a tombstone, in no order.
    ///
    /// # Errors
    /// The database is away.
    async fn absent(&self, keys: &[ResourceKey]) -> Result<Vec<ResourceKey>, StoreError>;

    /// How many documents and tombstones there are: to choose the number of buckets. Reads an index
    /// from end to end; for a rebuild, not for a heartbeat.
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

    /// Keys and versions of at most `limit` live documents whose `expires_at` has passed by the
    /// database's clock, the longest expired first. They are deleted through [`Self::commit`] with
    /// [`Precondition::Version`], so that one written again meanwhile stays.
    ///
    /// # Errors
    /// The database is away.
    async fn expired(&self, limit: u32) -> Result<Vec<(ResourceKey, Version)>, StoreError>;

    /// Removes at most `limit` changes below `floor`, the lowest first, and at most `limit`
    /// tombstones below the lowest change then kept.
    ///
    /// # Errors
    /// The database is away.
    async fn prune(&self, floor: Sequence, limit: u32) -> Result<Pruned, StoreError>;

    /// What a write comes to that was carried out before under this name, within
    /// [`RECEIPTS_KEPT`]: [`Outcome::Replayed`] or [`Outcome::KeyReused`]. [`Self::commit`] looks for
    /// itself; this is for who has to know beforehand.
    ///
    /// # Errors
    /// The database is away.
    async fn receipt(&self, retry: &Retry) -> Result<Option<Outcome>, StoreError>;

    /// Removes at most `limit` receipts that are older than [`RECEIPTS_KEPT`], and tells how many.
    ///
    /// # Errors
    /// The database is away.
    async fn prune_receipts(&self, limit: u32) -> Result<u64, StoreError>;

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
    /// The lease is lost; drop it. Every later call fails as well.
    ///
    /// # Cancel safety
    /// A call that is dropped before it ends loses the lease.
    async fn beat(&mut self) -> Result<Feed, StoreError>;
}

/// About how many octets of bodies one page of changes or documents carries.
pub const PAGE_BYTES: usize = 4 * 1024 * 1024;
