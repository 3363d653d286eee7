//! What is asked of the truth, and what became of it.

use std::collections::HashSet;

use bytes::Bytes;
use shared::{Position, ResourceKey, Slot, Timestamp, Version};

use super::{Receipt, Retry, Tip};

/// Most mutations of one batch.
pub const BATCH_MAX: usize = 512;

/// One write that a client asked for, valid in itself.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Mutation {
    /// The document.
    pub key: ResourceKey,
    /// What to do to it.
    pub action: Action,
    /// What must hold of the stored document for it to be done.
    pub precondition: Precondition,
    /// What makes it repeatable, if the client asked for that. A receipt comes before any
    /// precondition.
    pub retry: Option<Box<Retry>>,
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
///
/// A document that has expired by the database's clock counts as absent, deleted or not, for a
/// mutation that names no version: a put creates it anew, a deletion finds nothing.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Precondition {
    /// Nothing.
    None,
    /// No live document has the key (`If-None-Match: *`).
    Absent,
    /// A document has the key and bears this version (resolved from `If-Match`), expired or not:
    /// so are expired ones deleted.
    Version(Version),
}

/// What became of one mutation of a committed batch.
#[derive(Debug, Clone, PartialEq, Eq)]
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
    /// The write was carried out before; nothing was done now.
    Replayed(Box<Receipt>),
    /// Another write was carried out under this one's retry key; nothing was done.
    KeyReused,
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

impl Outcome {
    /// The change that was made, if one was.
    pub fn committed(&self) -> Option<&Committed> {
        match self {
            Self::Created(committed) | Self::Updated(committed) | Self::Deleted(committed) => {
                Some(committed)
            }
            Self::Unchanged { .. }
            | Self::NotFound
            | Self::PreconditionFailed
            | Self::Replayed(_)
            | Self::KeyReused => None,
        }
    }
}

/// Asserts what every implementation relies on.
pub(super) fn assert_batch(batch: &[Mutation]) {
    assert!(
        batch.len() <= BATCH_MAX,
        "a batch has at most {BATCH_MAX} mutations"
    );
    let keys: HashSet<_> = batch.iter().map(|mutation| &mutation.key).collect();
    assert!(keys.len() == batch.len(), "a batch has each key once");
    let mut retries = HashSet::new();
    let is_new = |retry: &Retry| retries.insert(retry.key);
    assert!(
        batch
            .iter()
            .filter_map(|mutation| mutation.retry.as_deref())
            .all(is_new),
        "a batch has each retry key once"
    );
}
