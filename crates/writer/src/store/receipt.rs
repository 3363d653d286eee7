//! Writes that clients may repeat, and what they were answered the first time.

use std::{borrow::Cow, collections::HashMap, iter::zip, time::Duration};

use shared::{EntityTag, Epoch, Position, ResourceKey, Version, entity_tag::TAG_BYTES};
use sqlx::FromRow;

use super::{
    Mutation, Outcome, StoreError,
    rows::{epoch, position, version},
};

/// How long a receipt is kept, by the database's clock: a retry after that is another write.
pub const RECEIPTS_KEPT: Duration = Duration::from_hours(24);

/// Names one write that may be repeated: a hash over who asks, the route and the client's key.
pub type RetryKey = [u8; 32];

/// What makes a write repeatable: it is carried out once, and its retries get its receipt.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Retry {
    /// Its name.
    pub key: RetryKey,
    /// A hash over what is asked: the same name must not be given to something else.
    pub fingerprint: [u8; 32],
    /// The entity tag to be told, of the identity representation.
    pub tag: EntityTag,
}

/// What a write was answered.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Receipt {
    /// The document.
    pub key: ResourceKey,
    /// Whether there was no live document before.
    pub is_created: bool,
    /// The document's version after it.
    pub version: Version,
    /// The position of the change, or of the last one where nothing was changed.
    pub position: Position,
    /// The entity tag of its identity representation.
    pub tag: EntityTag,
}

impl Retry {
    /// The outcome of a write whose name is known already.
    pub(super) fn outcome(&self, found: &ReceiptRow) -> Result<Outcome, StoreError> {
        if found.fingerprint != self.fingerprint {
            return Ok(Outcome::KeyReused);
        }
        found
            .receipt()
            .map(|receipt| Outcome::Replayed(Box::new(receipt)))
    }
}

/// A stored receipt.
#[derive(Debug, FromRow)]
pub(super) struct ReceiptRow {
    pub(super) key: Vec<u8>,
    fingerprint: Vec<u8>,
    collection: String,
    id: String,
    is_created: bool,
    version: i64,
    epoch: i64,
    sequence: i64,
    tag: Vec<u8>,
}

impl ReceiptRow {
    fn receipt(&self) -> Result<Receipt, StoreError> {
        let key = ResourceKey::parse(&self.collection, &self.id);
        let tag: Result<[u8; TAG_BYTES], _> = self.tag.as_slice().try_into();
        let epoch: Epoch = epoch(self.epoch)?;
        Ok(Receipt {
            key: key.or(Err(StoreError::Unexpected("key of a receipt")))?,
            is_created: self.is_created,
            version: version(self.version)?,
            position: position(epoch, self.sequence)?,
            tag: EntityTag(tag.or(Err(StoreError::Unexpected("tag of a receipt")))?),
        })
    }
}

/// A batch of which some writes may have been carried out before.
#[derive(Debug)]
pub(super) struct Repeated {
    /// In the place of each write that was, what it comes to.
    known: Vec<Option<Outcome>>,
}

impl Repeated {
    /// Whether a batch has to be looked at at all.
    pub(super) fn may_have(batch: &[Mutation]) -> bool {
        batch.iter().any(|mutation| mutation.retry.is_some())
    }

    /// The names to look for.
    pub(super) fn keys(batch: &[Mutation]) -> Vec<&[u8]> {
        let retries = batch.iter().filter_map(|mutation| mutation.retry.as_ref());
        retries.map(|retry| &retry.key[..]).collect()
    }

    /// By the receipts found under those names.
    pub(super) fn of(batch: &[Mutation], found: &[ReceiptRow]) -> Result<Self, StoreError> {
        let found: HashMap<&[u8], &ReceiptRow> =
            found.iter().map(|row| (row.key.as_slice(), row)).collect();
        let known = batch.iter().map(|mutation| {
            let retry = mutation.retry.as_ref();
            let row = retry.and_then(|retry| found.get(retry.key.as_slice()));
            match (retry, row) {
                (Some(retry), Some(row)) => retry.outcome(row).map(Some),
                _ => Ok(None),
            }
        });
        Ok(Self {
            known: known.collect::<Result<_, _>>()?,
        })
    }

    /// What is left to be judged and applied.
    pub(super) fn rest<'a>(&self, batch: &'a [Mutation]) -> Cow<'a, [Mutation]> {
        if self.known.iter().all(Option::is_none) {
            return Cow::Borrowed(batch);
        }
        let rest = zip(batch, &self.known).filter(|(_, known)| known.is_none());
        Cow::Owned(rest.map(|(mutation, _)| mutation.clone()).collect())
    }

    /// The outcomes of the whole batch, from those of the rest.
    pub(super) fn merge(self, outcomes: Vec<Outcome>) -> Result<Vec<Outcome>, StoreError> {
        let mut outcomes = outcomes.into_iter();
        let merged = self.known.into_iter().map(|known| {
            known
                .or_else(|| outcomes.next())
                .ok_or(StoreError::Unexpected("number of outcomes"))
        });
        merged.collect()
    }
}

/// A receipt to be stored, in the columns' types.
#[derive(Debug)]
pub(super) struct NewReceipt<'a> {
    pub(super) retry: &'a Retry,
    pub(super) key: &'a ResourceKey,
    pub(super) is_created: bool,
    pub(super) version: Version,
    pub(super) position: Position,
}

impl<'a> NewReceipt<'a> {
    /// The receipts of what was applied. A write that did nothing leaves none: its retry is judged
    /// anew.
    pub(super) fn of(applied: &'a [Mutation], outcomes: &[Outcome]) -> Vec<Self> {
        let receipts = zip(applied, outcomes).filter_map(|(mutation, outcome)| {
            let retry = mutation.retry.as_ref()?;
            let (is_created, version, position) = match outcome {
                Outcome::Created(made) => (true, made.version, made.slot.position),
                Outcome::Updated(made) => (false, made.version, made.slot.position),
                Outcome::Unchanged { version, position } => (false, *version, *position),
                _ => return None,
            };
            Some(Self {
                retry,
                key: &mutation.key,
                is_created,
                version,
                position,
            })
        });
        receipts.collect()
    }
}

/// [`RECEIPTS_KEPT`] as databases count.
pub(super) fn kept_micros() -> i64 {
    i64::try_from(RECEIPTS_KEPT.as_micros()).unwrap_or(i64::MAX)
}
