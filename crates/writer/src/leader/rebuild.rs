//! The rebuild: fills an empty or unusable bus with every document.

use std::{sync::atomic::Ordering, time::Duration};

use bus::{Begin, Build, Refusal};
use bytes::Bytes;
use shared::ResourceKey;
use tokio::time::{Instant, sleep};
use tracing::info;

use super::{Encoded, Leader, RoundError};

/// Documents read at once, and most envelopes of one chunk.
const CHUNK_ENVELOPES: usize = 256;

/// About how many octets one chunk carries: it is closed once it has this many.
const CHUNK_BYTES: usize = 1024 * 1024;

/// Documents that one bucket should hold on average.
pub(super) const BUCKET_DOCUMENTS: u64 = 512;

/// Most buckets of a snapshot.
const BUCKETS_MAX: u64 = 65_536;

/// How a rebuild ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Rebuilt {
    /// The snapshot is complete.
    Complete,
    /// The bus refused a step, or the database began a new epoch meanwhile: to be started over.
    Refused(Option<Refusal>),
}

impl Leader {
    /// Puts every document and tombstone into a fresh build. Live publishing goes on meanwhile.
    pub(super) async fn rebuild(&self, term: u64) -> Result<Rebuilt, RoundError> {
        let started = Instant::now();
        self.counters.rebuilds.fetch_add(1, Ordering::Relaxed);
        // Before any document, so that every change at or below it is in what is read.
        let tip = self.store.feed().await?.tip;
        let build = Build(fastrand::u64(1..));
        let begin = Begin {
            term,
            epoch: tip.position.epoch,
            build,
            head: tip.position.sequence,
            link: tip.link,
            buckets: buckets_for(self.store.count().await?),
        };
        info!(head = %tip.position, buckets = begin.buckets, "rebuilding the snapshot");
        if let Err(refusal) = self.bus.begin(&begin).await? {
            return Ok(Rebuilt::Refused(Some(refusal)));
        }
        let mut chunks = 0;
        let mut documents = 0;
        let mut after = None;
        loop {
            let limit = u32::try_from(CHUNK_ENVELOPES).unwrap_or(u32::MAX);
            let page = self.store.documents(after.as_ref(), limit).await?;
            if page.epoch != tip.position.epoch {
                return Ok(Rebuilt::Refused(None));
            }
            documents += page.documents.len();
            for chunk in into_chunks(self.encode(page.documents).await?) {
                if let Err(refusal) = self.store_chunk(build, chunks, &chunk).await? {
                    return Ok(Rebuilt::Refused(Some(refusal)));
                }
                chunks += 1;
            }
            after = page.next;
            if after.is_none() {
                break;
            }
        }
        if let Err(refusal) = self.bus.finish(build, chunks).await? {
            return Ok(Rebuilt::Refused(Some(refusal)));
        }
        let duration_ms = started.elapsed().as_millis();
        info!(documents, chunks, duration_ms, "the snapshot is complete");
        Ok(Rebuilt::Complete)
    }

    /// Stores one chunk, then leaves the bus as much time for others as that took.
    async fn store_chunk(
        &self,
        build: Build,
        index: u64,
        chunk: &[(ResourceKey, Bytes)],
    ) -> Result<Result<(), Refusal>, RoundError> {
        let started = Instant::now();
        let stored = self.bus.chunk(build, index, chunk).await?;
        sleep(started.elapsed().min(Duration::from_secs(1))).await;
        Ok(stored)
    }
}

/// A power of two near `documents` / 512.
pub(super) fn buckets_for(documents: u64) -> u32 {
    let wanted = documents.div_ceil(BUCKET_DOCUMENTS).max(1);
    u32::try_from(wanted.next_power_of_two().min(BUCKETS_MAX)).unwrap_or(1)
}

/// Cuts envelopes into chunks of about [`CHUNK_BYTES`] at most, each of one envelope at least.
pub(super) fn into_chunks(documents: Vec<Encoded>) -> Vec<Vec<(ResourceKey, Bytes)>> {
    let mut chunks: Vec<Vec<_>> = Vec::new();
    let mut room = 0;
    for Encoded { key, envelope, .. } in documents {
        let len = envelope.len();
        match chunks.last_mut() {
            Some(chunk) if len <= room => chunk.push((key, envelope)),
            _ => {
                chunks.push(vec![(key, envelope)]);
                room = CHUNK_BYTES;
            }
        }
        room = room.saturating_sub(len);
    }
    chunks
}
