//! The writers' side of the in-process bus.

use async_trait::async_trait;
use bytes::Bytes;
use shared::{
    Delivery, FeedMessage, Heartbeat, ResourceKey, Sequence, Slot, codec::decode, feed::Probe,
};

use super::{
    MemoryBus, State,
    contents::{Contents, LogEntry},
};
use crate::{
    Begin, Build, BusError, Held, Meta, Names, Publication, PublishOutcome, Publisher, Refusal,
    Registration,
    limits::{ADVANCE_MAX, LOG_SEGMENT_SLOTS, PENDING_MAX, READERS_MAX},
    stored::sequence_of,
};

#[async_trait]
impl Publisher for MemoryBus {
    fn system(&self) -> &'static str {
        "memory"
    }

    async fn meta(&self) -> Result<Option<Meta>, BusError> {
        Ok(self.state()?.contents.meta)
    }

    async fn publish(
        &self,
        build: Build,
        publications: &[Publication],
    ) -> Result<Vec<PublishOutcome>, BusError> {
        let mut state = self.state()?;
        Ok(publications
            .iter()
            .map(|publication| {
                publish(&mut state, build, publication, self.log_segments)
                    .unwrap_or_else(PublishOutcome::Refused)
            })
            .collect())
    }

    async fn begin(&self, begin: &Begin) -> Result<Result<(), Refusal>, BusError> {
        begin.check()?;
        Ok(self.state()?.contents.begin(begin))
    }

    async fn chunk(
        &self,
        build: Build,
        index: u64,
        envelopes: &[(ResourceKey, Bytes)],
    ) -> Result<Result<(), Refusal>, BusError> {
        Ok(self.state()?.contents.chunk(build, index, envelopes))
    }

    async fn mend(
        &self,
        term: u64,
        build: Build,
        envelopes: &[(ResourceKey, Bytes)],
    ) -> Result<Result<u64, Refusal>, BusError> {
        Ok(self.state()?.contents.mend(term, build, envelopes))
    }

    async fn purge(
        &self,
        term: u64,
        build: Build,
        tombstones: &[(ResourceKey, Sequence)],
    ) -> Result<Result<u64, Refusal>, BusError> {
        Ok(self.state()?.contents.purge(term, build, tombstones))
    }

    async fn held(
        &self,
        build: Build,
        keys: &[ResourceKey],
    ) -> Result<Result<Vec<Held>, Refusal>, BusError> {
        Ok(self.state()?.contents.held(build, keys))
    }

    async fn names(
        &self,
        build: Build,
        bucket: u32,
        fields_max: u64,
    ) -> Result<Result<Names, Refusal>, BusError> {
        Ok(self.state()?.contents.names(build, bucket, fields_max))
    }

    async fn finish(&self, build: Build, chunks: u64) -> Result<Result<(), Refusal>, BusError> {
        Ok(self.state()?.contents.finish(build, chunks))
    }

    async fn probes(&self) -> Result<Vec<Probe>, BusError> {
        let state = self.state()?;
        let probes = state.contents.probes.iter();
        Ok(probes
            .map(|(reader, &nonce)| Probe {
                reader: reader.clone(),
                nonce,
            })
            .collect())
    }

    async fn readers(&self) -> Result<Vec<Registration>, BusError> {
        let state = self.state()?;
        let readers = state.contents.readers.iter().take(READERS_MAX);
        Ok(readers
            .map(|(reader, status)| Registration {
                reader: reader.clone(),
                status: status.clone(),
            })
            .collect())
    }

    async fn heartbeat(&self, heartbeat: &Heartbeat) -> Result<(), BusError> {
        let octets = heartbeat.probes.len() * size_of::<Probe>();
        let message = FeedMessage::Heartbeat(heartbeat.clone());
        self.state()?.send(&message, octets);
        Ok(())
    }
}

fn publish(
    state: &mut State,
    build: Build,
    publication: &Publication,
    log_segments: u64,
) -> Result<PublishOutcome, Refusal> {
    debug_assert_eq!(
        sequence_of(&publication.envelope),
        Some(publication.sequence.0),
        "a publication bears its envelope's sequence"
    );
    let contents = &mut state.contents;
    let slot = &publication.slot;
    let Turn::Due(is_next) = check(contents, build, slot)? else {
        return Ok(PublishOutcome::Duplicate);
    };
    contents
        .bucket_of(&publication.key)?
        .store_if_newer(&publication.key, &publication.envelope);
    let number = slot.position.sequence.0;
    let entry = LogEntry {
        slot: *slot,
        key: publication.key.clone(),
    };
    contents.log.insert(number, entry);
    contents.pending.insert(number, *slot);
    if is_next {
        contents.advance(log_segments);
    }
    let through = contents.meta_of(build)?.published_through;
    send(state, publication);
    Ok(PublishOutcome::Published(through))
}

/// Whether a slot is still to be filled.
enum Turn {
    Past,
    /// To be filled; whether it is the one after `published_through`.
    Due(bool),
}

/// All that stands against a publication, before its first effect.
fn check(contents: &mut Contents, build: Build, slot: &Slot) -> Result<Turn, Refusal> {
    let meta = contents.meta.as_ref().ok_or(Refusal::NoMeta)?;
    if meta.epoch != slot.position.epoch {
        return Err(Refusal::OtherEpoch);
    }
    let meta = contents.meta_of(build)?;
    let through = meta.published_through.0;
    let number = slot.position.sequence.0;
    if number <= through {
        return Ok(Turn::Past);
    }
    if number > through + PENDING_MAX {
        return Err(Refusal::PendingFull);
    }
    let is_next = number == through + 1;
    if is_next && slot.prev_link != meta.tip {
        return Err(Refusal::Forked);
    }
    Ok(Turn::Due(is_next))
}

fn send(state: &mut State, publication: &Publication) {
    let slot = publication.slot;
    let Some(sent) = publication.sent() else {
        state.send(&FeedMessage::Notice(slot), size_of::<Slot>());
        return;
    };
    let delivery = Delivery {
        slot,
        envelope: decode(sent),
    };
    state.send(&FeedMessage::Delivery(delivery), sent.len());
}

impl Contents {
    /// Takes slots out of pending while their links continue from the tip, then drops the log's
    /// oldest segments.
    fn advance(&mut self, log_segments: u64) {
        let Some(meta) = &mut self.meta else { return };
        // The slot just published and those that waited for it.
        for _ in 0..=ADVANCE_MAX {
            let next = meta.published_through.next();
            let Some(slot) = self.pending.get(&next.0) else {
                break;
            };
            if slot.prev_link != meta.tip {
                break;
            }
            meta.published_through = next;
            meta.tip = slot.link;
            self.pending.remove(&next.0);
        }
        let segment = meta.published_through.0 / LOG_SEGMENT_SLOTS;
        let lowest_kept = (segment + 1).saturating_sub(log_segments) * LOG_SEGMENT_SLOTS;
        if lowest_kept > meta.log_from.0 + 1 {
            meta.log_from = Sequence(lowest_kept - 1);
            self.log = self.log.split_off(&lowest_kept);
        }
    }
}
