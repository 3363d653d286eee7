//! Rebuilds and repairs of the in-process snapshot.

use bytes::Bytes;
use shared::{ResourceKey, Sequence};

use super::contents::{Bucket, Contents};
use crate::{Begin, Build, Meta, Refusal, stored::sequence_of};

impl Contents {
    pub(super) fn begin(&mut self, begin: &Begin) -> Result<(), Refusal> {
        if let Some(meta) = &self.meta {
            if begin.term < meta.term {
                return Err(Refusal::OldTerm);
            }
            if begin.epoch < meta.epoch {
                return Err(Refusal::OtherEpoch);
            }
        }
        let bucket = Bucket {
            mark: Some(begin.build),
            ..Bucket::default()
        };
        self.buckets = (0..begin.buckets).map(|_| bucket.clone()).collect();
        self.log.clear();
        self.pending.clear();
        self.meta = Some(Meta {
            epoch: begin.epoch,
            term: begin.term,
            build: begin.build,
            buckets: begin.buckets,
            built: 0,
            complete: false,
            published_through: begin.head,
            log_from: begin.head,
            tip: begin.link,
        });
        Ok(())
    }

    pub(super) fn chunk(
        &mut self,
        build: Build,
        index: u64,
        envelopes: &[(ResourceKey, Bytes)],
    ) -> Result<(), Refusal> {
        if self.meta_of(build)?.built != index {
            return Err(Refusal::ChunkLost);
        }
        for (key, _) in envelopes {
            self.bucket_of(key)?;
        }
        for (key, envelope) in envelopes {
            self.bucket_of(key)?.store_if_newer(key, envelope);
        }
        self.meta_of(build)?.built = index + 1;
        Ok(())
    }

    pub(super) fn finish(&mut self, build: Build, chunks: u64) -> Result<(), Refusal> {
        let meta = self.meta_of(build)?;
        if meta.built != chunks {
            return Err(Refusal::ChunkLost);
        }
        meta.complete = true;
        Ok(())
    }

    pub(super) fn mend(
        &mut self,
        term: u64,
        build: Build,
        envelopes: &[(ResourceKey, Bytes)],
    ) -> Result<u64, Refusal> {
        self.check_term(term, build)?;
        for (key, _) in envelopes {
            self.bucket_of(key)?;
        }
        self.meta_of(build)?.term = term;
        let mut mended = 0;
        for (key, envelope) in envelopes {
            mended += u64::from(self.bucket_of(key)?.mend(key, envelope));
        }
        Ok(mended)
    }

    pub(super) fn purge(
        &mut self,
        term: u64,
        build: Build,
        tombstones: &[(ResourceKey, Sequence)],
    ) -> Result<u64, Refusal> {
        let meta = *self.check_term(term, build)?;
        if !meta.complete {
            return Ok(0);
        }
        for (key, _) in tombstones {
            self.bucket_of(key)?;
        }
        let mut purged = 0;
        for (key, sequence) in tombstones {
            let documents = &mut self.bucket_of(key)?.documents;
            let held = documents.get(key).and_then(|held| sequence_of(held));
            if held == Some(sequence.0) && *sequence <= meta.log_from {
                documents.remove(key);
                purged += 1;
            }
        }
        self.meta_of(build)?.term = term;
        Ok(purged)
    }

    /// Refuses leaders that have been followed by another one.
    fn check_term(&mut self, term: u64, build: Build) -> Result<&mut Meta, Refusal> {
        let meta = self.meta_of(build)?;
        if term < meta.term {
            Err(Refusal::OldTerm)
        } else {
            Ok(meta)
        }
    }
}
