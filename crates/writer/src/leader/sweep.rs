//! The sweep: publishes what the database has and the bus lacks.

use std::sync::atomic::Ordering;

use bus::{Meta, Publication, PublishOutcome, Refusal};
use shared::Slot;

use super::{Leader, RoundError, tip_of};
use crate::store::{Change, Tip};

/// Changes read, and published, at once.
const PAGE: u32 = 256;

/// How a sweep ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Swept {
    /// Up to the head, or as far as the bus takes it for now.
    Done,
    /// The log no longer has what the bus lacks.
    Pruned,
    /// The bus holds another history.
    Forked(Tip),
}

impl Leader {
    /// Publishes every slot above `meta.published_through`.
    pub(super) async fn sweep(&self, meta: Meta) -> Result<Swept, RoundError> {
        let mut after = meta.published_through;
        loop {
            let page = self.store.changes(after, PAGE).await?;
            if page.feed.tip.position.epoch != meta.epoch {
                return Ok(Swept::Done);
            }
            if after < page.feed.tip.position.sequence && after.next() < page.floor {
                return Ok(Swept::Pruned);
            }
            let Some(last) = page.changes.last() else {
                return Ok(Swept::Done);
            };
            after = last.slot.position.sequence;
            let publications = self.publications(page.changes).await?;
            let outcomes = self.bus.publish(meta.build, &publications).await?;
            self.counters
                .swept
                .fetch_add(publications.len() as u64, Ordering::Relaxed);
            match refusal_in(&outcomes) {
                None => {}
                Some(Refusal::Forked) => {
                    return Ok(Swept::Forked(tip_of(&meta)));
                }
                Some(_) => return Ok(Swept::Done),
            }
            if page.feed.tip.position.sequence <= after {
                return Ok(Swept::Done);
            }
        }
    }

    async fn publications(&self, changes: Vec<Change>) -> Result<Vec<Publication>, RoundError> {
        let slots: Vec<Slot> = changes.iter().map(|change| change.slot).collect();
        let documents = changes.into_iter().map(|change| change.document).collect();
        let encoded = self.encode(documents).await?;
        let publications = slots.into_iter().zip(encoded);
        Ok(publications
            .map(|(slot, encoded)| Publication {
                slot,
                sequence: encoded.sequence,
                key: encoded.key,
                envelope: encoded.envelope,
                traced: None,
            })
            .collect())
    }
}

fn refusal_in(outcomes: &[PublishOutcome]) -> Option<Refusal> {
    outcomes.iter().find_map(|outcome| match outcome {
        PublishOutcome::Refused(refusal) => Some(*refusal),
        PublishOutcome::Published(_) | PublishOutcome::Duplicate => None,
    })
}
