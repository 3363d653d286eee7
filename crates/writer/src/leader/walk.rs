//! The walk through the buckets: finds what the bus holds and the database does not.
//!
//! Mostly tombstones. The database prunes them by age of the log; the bus keeps each until nobody
//! can need it (at or below `log_from`), then it is removed by compare-and-delete. The database
//! forgets first, so the comparison does not bring back what is removed here.
//!
//! A *live* document that the database does not know was never committed in this history: somebody
//! put it there. It goes the same way, or, where the log may still name its slot, with a rebuild;
//! the same for fields that are no documents at all.

use std::{collections::HashSet, iter::zip, sync::atomic::Ordering};

use bus::{Held, Meta, Names};
use shared::{ResourceKey, Sequence};
use tracing::warn;

use super::{
    Leader, RoundError,
    rebuild::{BUCKET_DOCUMENTS, buckets_for},
};

/// Buckets walked through in one round: with four rounds a second and 256 to 512 documents in each,
/// at least 2,000 documents a second.
const BUCKETS: u32 = 2;

/// Fields of a bucket up to which their names are read. More of them only if there are no more
/// buckets to be had.
const FIELDS_MAX: u64 = 65_536;

/// Documents in a bucket, as a multiple of what it should hold, at which there are too few buckets:
/// readers load a bucket by one command.
const OUTGROWN: u64 = 8;

/// Most tombstones removed by one call.
const PURGE_MAX: usize = 256;

impl Leader {
    /// Walks through the buckets from `at` on and moves it; 0 after the last one.
    pub(super) async fn walk(
        &self,
        term: u64,
        meta: &Meta,
        at: &mut u32,
    ) -> Result<(), RoundError> {
        for _ in 0..BUCKETS {
            self.walk_one(term, meta, *at).await?;
            *at += 1;
            if *at >= meta.buckets {
                *at = 0;
                break;
            }
        }
        Ok(())
    }

    async fn walk_one(&self, term: u64, meta: &Meta, bucket: u32) -> Result<(), RoundError> {
        let names = self.bus.names(meta.build, bucket, FIELDS_MAX).await?;
        let names = names.map_err(RoundError::Refused)?;
        // Keys spread evenly, so one bucket speaks for all.
        if bucket == 0 {
            self.check_size(meta, &names).await?;
        }
        if names.strangers > 0 {
            return Err(RoundError::Incurable("field that is no document"));
        }
        let unknown = self.store.absent(&names.keys).await?;
        if unknown.is_empty() {
            return Ok(());
        }
        let held = self.held(meta, &unknown).await?;
        // Asked once more: what was committed before the bus was read is in the database by now.
        let absent: HashSet<_> = self.store.absent(&unknown).await?.into_iter().collect();
        // In another epoch the database may know less: a backup has been restored meanwhile. What it
        // lacks now this snapshot may still have, until a rebuild takes its place.
        if self.store.feed().await?.tip.position.epoch != meta.epoch {
            return Ok(());
        }
        let strays = zip(unknown, held).filter(|(key, _held)| absent.contains(key));
        self.purge(term, meta, strays).await
    }

    async fn check_size(&self, meta: &Meta, names: &Names) -> Result<(), RoundError> {
        let is_outgrown = names.fields > OUTGROWN * BUCKET_DOCUMENTS;
        if is_outgrown && meta.buckets < buckets_for(self.store.count().await?) {
            return Err(RoundError::Incurable("bucket that has grown too large"));
        }
        Ok(())
    }

    async fn purge(
        &self,
        term: u64,
        meta: &Meta,
        strays: impl Iterator<Item = (ResourceKey, Held)>,
    ) -> Result<(), RoundError> {
        let mut due: Vec<(ResourceKey, Sequence)> = Vec::new();
        for (key, held) in strays {
            let summary = match held {
                Held::Nothing | Held::Newer => continue,
                Held::Damaged => {
                    return Err(RoundError::Incurable(
                        "damaged field of an unknown document",
                    ));
                }
                Held::Envelope(summary) => summary,
            };
            if !summary.is_delete {
                warn!(%key, "the bus had a document that the database does not know");
            }
            if summary.position.sequence <= meta.log_from {
                due.push((key, summary.position.sequence));
            } else if !summary.is_delete {
                return Err(RoundError::Incurable("document unknown to the database"));
            }
        }
        for part in due.chunks(PURGE_MAX) {
            let purged = self.bus.purge(term, meta.build, part).await?;
            let purged = purged.map_err(RoundError::Refused)?;
            self.counters.purged.fetch_add(purged, Ordering::Relaxed);
        }
        Ok(())
    }
}
