//! Rows as both databases give them, and what they mean.

use bytes::Bytes;
use shared::{Epoch, Link, Position, ResourceKey, Sequence, Slot, Timestamp, Version};
use sqlx::FromRow;

use super::{Change, Document, Feed, Stamp, StoreError, Tip};

/// Epoch, head and the link at the head.
#[derive(Debug, FromRow)]
pub(super) struct TipRow {
    epoch: i64,
    head: i64,
    head_link: i64,
}

/// The feed row with the database's clock.
#[derive(Debug, FromRow)]
pub(super) struct FeedRow {
    #[sqlx(flatten)]
    tip: TipRow,
    now: i64,
}

/// A row of `documents`.
#[derive(Debug, FromRow)]
pub(super) struct DocumentRow {
    collection: String,
    id: String,
    version: i64,
    sequence: i64,
    prev_link: i64,
    link: i64,
    body: Option<String>,
    created_at: i64,
    updated_at: i64,
    expires_at: Option<i64>,
}

/// What tells one state of a document from another.
#[derive(Debug, FromRow)]
pub(super) struct StampRow {
    collection: String,
    id: String,
    sequence: i64,
    link: i64,
    is_deleted: bool,
}

/// A row of `changes` with its document.
#[derive(Debug, FromRow)]
pub(super) struct ChangeRow {
    slot_sequence: i64,
    slot_prev_link: i64,
    slot_link: i64,
    #[sqlx(flatten)]
    document: DocumentRow,
}

impl TipRow {
    pub(super) fn tip(&self) -> Result<Tip, StoreError> {
        Ok(Tip {
            position: position(epoch(self.epoch)?, self.head)?,
            link: link(self.head_link),
        })
    }
}

impl FeedRow {
    pub(super) fn feed(&self) -> Result<Feed, StoreError> {
        Ok(Feed {
            tip: self.tip.tip()?,
            now: Timestamp(self.now),
        })
    }
}

impl DocumentRow {
    /// The epoch is the feed's, read in the same snapshot.
    pub(super) fn document(self, epoch: Epoch) -> Result<Document, StoreError> {
        Ok(Document {
            key: key(&self.collection, &self.id)?,
            version: version(self.version)?,
            slot: Slot {
                position: position(epoch, self.sequence)?,
                prev_link: link(self.prev_link),
                link: link(self.link),
            },
            body: self.body.map(Bytes::from),
            created_at: Timestamp(self.created_at),
            updated_at: Timestamp(self.updated_at),
            expires_at: self.expires_at.map(Timestamp),
        })
    }
}

impl StampRow {
    pub(super) fn stamp(self) -> Result<Stamp, StoreError> {
        Ok(Stamp {
            key: key(&self.collection, &self.id)?,
            sequence: sequence(self.sequence)?,
            link: link(self.link),
            is_deleted: self.is_deleted,
        })
    }
}

impl ChangeRow {
    pub(super) fn change(self, epoch: Epoch) -> Result<Change, StoreError> {
        Ok(Change {
            slot: Slot {
                position: position(epoch, self.slot_sequence)?,
                prev_link: link(self.slot_prev_link),
                link: link(self.slot_link),
            },
            document: self.document.document(epoch)?,
        })
    }
}

pub(super) fn key(collection: &str, id: &str) -> Result<ResourceKey, StoreError> {
    ResourceKey::parse(collection, id).or(Err(StoreError::Unexpected("key")))
}

pub(super) fn epoch(number: i64) -> Result<Epoch, StoreError> {
    u64::try_from(number)
        .map(Epoch)
        .or(Err(StoreError::Unexpected("epoch")))
}

pub(super) fn version(number: i64) -> Result<Version, StoreError> {
    u64::try_from(number)
        .map(Version)
        .or(Err(StoreError::Unexpected("version")))
}

pub(super) fn sequence(number: i64) -> Result<Sequence, StoreError> {
    u64::try_from(number)
        .map(Sequence)
        .or(Err(StoreError::Unexpected("sequence")))
}

pub(super) fn position(epoch: Epoch, number: i64) -> Result<Position, StoreError> {
    Ok(Position::new(epoch, sequence(number)?))
}

/// Columns hold a link's 64 bits as a signed number.
pub(super) fn link(number: i64) -> Link {
    Link(number.cast_unsigned())
}

/// A number for a column. Beyond 2^63 it becomes the highest, which no row bears.
pub(super) fn column(number: u64) -> i64 {
    i64::try_from(number).unwrap_or(i64::MAX)
}
