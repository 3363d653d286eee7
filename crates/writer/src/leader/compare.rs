//! The comparison: finds what the bus lost or has wrong, and mends it.
//!
//! # By key, not by bucket
//!
//! A document's bucket is a hash of its key, which SQL cannot compute: reading the documents of one
//! bucket would mean reading all of them, once per bucket. So the leader pages through the database
//! by key, 1,000 documents at a time, and asks the bus for what it holds under those keys. What the
//! database does *not* know is found the other way round, bucket by bucket; see [`super::walk`].
//!
//! # Cost
//!
//! Neither bodies nor values travel: the database gives sequence and link, the bus the 96 octets of
//! each header, with a checksum in them. Per page that is one range of the primary key in the
//! database and four scripts of some hundred microseconds in Redis. With a round each 250 ms a
//! million documents take about four minutes.
//!
//! Equal position, link and kind mean equal documents. A body damaged in place, under a whole header
//! and with its length kept, is left to those who read it: its own checksum tells them.
//!
//! # Never older over newer
//!
//! Only documents at or below the `published_through` that was read *before* the page are judged:
//! the others are still on their way. A suspect is read from the database again before it is mended,
//! and the bus refuses an envelope older than its own. What that cannot cure, as octets that look
//! like a later sequence, ends in a rebuild.

use std::{iter::zip, sync::atomic::Ordering};

use bus::{Held, Meta};
use shared::{Position, ResourceKey};
use tracing::warn;

use super::{Leader, RoundError, rebuild::into_chunks};
use crate::store::{Document, Stamp};

/// Documents compared in one round: with four rounds a second, 4,000 a second.
pub(super) const PAGE: u32 = 1000;

/// Documents mended in one go: all their bodies are in memory at once.
const MEND_AT_ONCE: usize = 32;

impl Leader {
    /// Compares the documents after `at` and moves it on; `None` after the last one.
    pub(super) async fn compare(
        &self,
        term: u64,
        meta: &Meta,
        at: &mut Option<ResourceKey>,
    ) -> Result<(), RoundError> {
        let page = self.store.stamps(at.as_ref(), PAGE).await?;
        if page.epoch != meta.epoch {
            return Ok(());
        }
        let compared = page.stamps.len() as u64;
        let mut stamps = page.stamps;
        stamps.retain(|stamp| stamp.sequence <= meta.published_through);
        let keys: Vec<_> = stamps.iter().map(|stamp| stamp.key.clone()).collect();
        let held = self.held(meta, &keys).await?;
        let suspects: Vec<_> = zip(stamps, held)
            .filter(|(stamp, held)| judge(stamp, meta, held) != Verdict::Right)
            .map(|(stamp, held)| (stamp.key, held))
            .collect();
        for go in suspects.chunks(MEND_AT_ONCE) {
            self.mend(term, meta, go).await?;
        }
        self.counters
            .compared
            .fetch_add(compared, Ordering::Relaxed);
        *at = page.next;
        Ok(())
    }

    pub(super) async fn held(
        &self,
        meta: &Meta,
        keys: &[ResourceKey],
    ) -> Result<Vec<Held>, RoundError> {
        let held = self.bus.held(meta.build, keys).await?;
        held.map_err(RoundError::Refused)
    }

    /// Looks again at what differed, and puts right what still does.
    async fn mend(
        &self,
        term: u64,
        meta: &Meta,
        suspects: &[(ResourceKey, Held)],
    ) -> Result<(), RoundError> {
        let mut documents = Vec::new();
        for (key, held) in suspects {
            let Some(document) = self.store.document(key).await? else {
                continue;
            };
            let Position { epoch, sequence } = document.slot.position;
            if epoch != meta.epoch {
                return Ok(());
            }
            match judge(&stamp_of(&document), meta, held) {
                // The database was read after the bus, so it cannot be behind by itself.
                Verdict::Ahead => {
                    return Err(RoundError::Incurable("document ahead of the database"));
                }
                Verdict::Wrong if sequence <= meta.published_through => documents.push(document),
                Verdict::Wrong | Verdict::Right => {}
            }
        }
        let stamps: Vec<_> = documents.iter().map(stamp_of).collect();
        for chunk in into_chunks(self.encode(documents).await?) {
            let mended = self.bus.mend(term, meta.build, &chunk).await?;
            let mended = mended.map_err(RoundError::Refused)?;
            self.counters.mended.fetch_add(mended, Ordering::Relaxed);
            warn!(mended, "the bus had documents wrong");
        }
        self.check_mended(meta, &stamps).await
    }

    async fn check_mended(&self, meta: &Meta, stamps: &[Stamp]) -> Result<(), RoundError> {
        let keys: Vec<_> = stamps.iter().map(|stamp| stamp.key.clone()).collect();
        let held = self.held(meta, &keys).await?;
        let is_cured = |(stamp, held)| judge(stamp, meta, &held) != Verdict::Wrong;
        if zip(stamps, held).all(is_cured) {
            Ok(())
        } else {
            Err(RoundError::Incurable("document that mending leaves wrong"))
        }
    }
}

fn stamp_of(document: &Document) -> Stamp {
    Stamp {
        key: document.key.clone(),
        sequence: document.slot.position.sequence,
        link: document.slot.link,
        is_deleted: document.body.is_none(),
    }
}

/// What the bus holds, against the database.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Verdict {
    Right,
    Wrong,
    /// Of a later sequence than the database has.
    Ahead,
}

fn judge(stamp: &Stamp, meta: &Meta, held: &Held) -> Verdict {
    let summary = match held {
        Held::Envelope(summary) => summary,
        // Whoever made it knows better.
        Held::Newer => return Verdict::Right,
        Held::Nothing | Held::Damaged => return Verdict::Wrong,
    };
    let is_same = summary.position == Position::new(meta.epoch, stamp.sequence)
        && summary.link == stamp.link
        && summary.is_delete == stamp.is_deleted;
    if is_same {
        Verdict::Right
    } else if summary.position.sequence > stamp.sequence {
        Verdict::Ahead
    } else {
        Verdict::Wrong
    }
}
