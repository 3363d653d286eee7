//! What the leader does slowly, a piece each round: comparing, walking, pruning.
//!
//! Only while the bus is complete and nothing is to be swept. A leader that begins anew, or a new
//! build, begins all of it from the start; nothing of it is remembered anywhere else.

use std::time::Duration;

use bus::{Build, Meta};
use shared::{ResourceKey, Sequence};
use tokio::time::Instant;

use super::{Leader, RoundError};
use crate::store::Tip;

/// Least time from the start of one pass over all documents, or all buckets, to the start of the
/// next: small sets are not compared over and over.
const PASS_MIN: Duration = Duration::from_secs(10);

/// How far the leader has come.
#[derive(Debug)]
pub(super) struct Upkeep {
    build: Build,
    /// Documents, by the last key compared.
    pub(super) documents: Pass<Option<ResourceKey>>,
    /// Buckets, by the next one to walk through.
    pub(super) buckets: Pass<u32>,
    /// Receipts, by whether there may be more to remove.
    pub(super) receipts: Pass<bool>,
    /// Below this, everything that may go is gone.
    pub(super) pruned_below: Sequence,
}

/// One pass after another over something.
#[derive(Debug)]
pub(super) struct Pass<T> {
    pub(super) at: T,
    began: Option<Instant>,
}

impl<T: Default + PartialEq> Pass<T> {
    fn new() -> Self {
        Self {
            at: T::default(),
            began: None,
        }
    }

    /// Whether to go on: always amid a pass, and to the next one after a while.
    pub(super) fn is_due(&mut self) -> bool {
        if self.at != T::default() {
            return true;
        }
        let now = Instant::now();
        let is_due = self.began.is_none_or(|began| PASS_MIN <= now - began);
        if is_due {
            self.began = Some(now);
        }
        is_due
    }
}

impl Upkeep {
    pub(super) fn of(build: Build) -> Self {
        Self {
            build,
            documents: Pass::new(),
            buckets: Pass::new(),
            receipts: Pass::new(),
            pruned_below: Sequence::ZERO,
        }
    }
}

impl Leader {
    /// One piece of each. `meta` was read before `tip`.
    pub(super) async fn upkeep(
        &self,
        term: u64,
        meta: &Meta,
        tip: Tip,
        upkeep: &mut Option<Upkeep>,
    ) -> Result<(), RoundError> {
        if upkeep
            .as_ref()
            .is_none_or(|upkeep| upkeep.build != meta.build)
        {
            *upkeep = None;
        }
        let upkeep = upkeep.get_or_insert_with(|| Upkeep::of(meta.build));
        if upkeep.documents.is_due() {
            self.compare(term, meta, &mut upkeep.documents.at).await?;
        }
        if upkeep.buckets.is_due() {
            self.walk(term, meta, &mut upkeep.buckets.at).await?;
        }
        if upkeep.receipts.is_due() {
            upkeep.receipts.at = self.prune_receipts().await?;
        }
        self.prune(meta, tip, &mut upkeep.pruned_below).await
    }
}
