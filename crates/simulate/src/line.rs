//! The real memory bus, as one writer process reaches it: late, in vain, or with its answer lost.

use std::sync::Arc;

use async_trait::async_trait;
use bus::{
    Begin, Build, BusError, Held, Meta, Names, Publication, PublishOutcome, Publisher, Refusal,
    Registration,
};
use bytes::Bytes;
use shared::{Heartbeat, ResourceKey, Sequence, feed::Probe};

use crate::{Rule, ground::Gate};

/// Who speaks on a line.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Speaker {
    /// The leader.
    Leader,
    /// The task that publishes what was committed.
    Committer,
}

/// A line to the bus.
#[derive(Debug)]
pub(crate) struct Line(pub(crate) Arc<Gate>, pub(crate) Speaker);

impl Line {
    async fn pass(&self) -> Result<(), BusError> {
        self.0.pass().await.map_err(|_lost| BusError::Away)
    }

    fn bus(&self) -> &bus::MemoryBus {
        &self.0.ground.bus
    }

    fn holds(&self, rule: Rule) -> bool {
        self.0.ground.rules.hold(rule)
    }

    /// The term and the build that are sent: without the rule, whatever the bus would take.
    async fn admitted(&self, term: u64, build: Build) -> Result<(u64, Build), BusError> {
        match self.bus().meta().await? {
            Some(meta) if !self.holds(Rule::Terms) => Ok((term.max(meta.term), build)),
            _ => Ok((term, build)),
        }
    }

    /// The bus gives them in no order, which a world cannot have.
    async fn sorted_probes(&self) -> Result<Vec<Probe>, BusError> {
        let mut probes = self.bus().probes().await?;
        probes.sort_by(|one, other| one.reader.cmp(&other.reader));
        Ok(probes)
    }

    async fn publish_one(
        &self,
        build: Build,
        publication: &Publication,
    ) -> Result<PublishOutcome, BusError> {
        let bus = self.bus();
        let mut sent = publication.clone();
        let mut build = build;
        if let Some(meta) = bus.meta().await? {
            if !self.holds(Rule::BuildChecked) {
                build = meta.build;
            }
            if !self.holds(Rule::EpochChecked) {
                sent.slot.position.epoch = meta.epoch;
            }
            let is_due = meta.published_through < sent.slot.position.sequence;
            if !self.holds(Rule::NewerStored) && is_due && meta.epoch == sent.slot.position.epoch {
                bus.lose_document(&sent.key);
            }
        }
        let outcomes = bus.publish(build, std::slice::from_ref(&sent)).await?;
        let outcome = outcomes.first().copied();
        let outcome = outcome.unwrap_or(PublishOutcome::Refused(Refusal::NoMeta));
        if outcome == PublishOutcome::Duplicate && !self.holds(Rule::PublishedOnce) {
            let term = bus.meta().await?.map_or(0, |meta| meta.term);
            let stored = [(sent.key.clone(), sent.envelope.clone())];
            let mended = bus.mend(term, build, &stored).await?;
            self.0.ground.note(|| format!("stored late: {mended:?}"));
        }
        Ok(outcome)
    }
}

#[async_trait]
impl Publisher for Line {
    fn system(&self) -> &'static str {
        self.bus().system()
    }

    async fn meta(&self) -> Result<Option<Meta>, BusError> {
        self.pass().await?;
        let mut meta = self.bus().meta().await?;
        self.pass().await?;
        if let (Some(meta), false) = (&mut meta, self.holds(Rule::PurgeBelowLog)) {
            meta.log_from = meta.published_through;
        }
        Ok(meta)
    }

    async fn publish(
        &self,
        build: Build,
        publications: &[Publication],
    ) -> Result<Vec<PublishOutcome>, BusError> {
        self.pass().await?;
        let mut outcomes = Vec::new();
        for publication in publications {
            let is_swept = self.1 == Speaker::Leader;
            let outcome = if is_swept && !self.holds(Rule::Sweep) {
                PublishOutcome::Duplicate
            } else {
                self.publish_one(build, publication).await?
            };
            let slot = publication.slot.position;
            self.0
                .ground
                .note(|| format!("{:?} publishes {slot}: {outcome:?}", self.1));
            outcomes.push(outcome);
        }
        self.pass().await?;
        Ok(outcomes)
    }

    async fn readers(&self) -> Result<Vec<Registration>, BusError> {
        self.pass().await?;
        self.bus().readers().await
    }

    async fn begin(&self, begin: &Begin) -> Result<Result<(), Refusal>, BusError> {
        self.pass().await?;
        let mut begun = self.bus().begin(begin).await?;
        if begun.is_err() && !self.holds(Rule::BeginChecked) {
            self.bus().lose_meta();
            begun = self.bus().begin(begin).await?;
        }
        self.0
            .ground
            .note(|| format!("begin {}: {begun:?}", begin.head));
        self.pass().await?;
        Ok(begun)
    }

    async fn chunk(
        &self,
        build: Build,
        index: u64,
        envelopes: &[(ResourceKey, Bytes)],
    ) -> Result<Result<(), Refusal>, BusError> {
        self.pass().await?;
        let mut index = index;
        if let (Some(meta), false) = (self.bus().meta().await?, self.holds(Rule::ChunksCounted)) {
            index = meta.built;
        }
        let stored = self.bus().chunk(build, index, envelopes).await?;
        self.pass().await?;
        Ok(stored)
    }

    async fn mend(
        &self,
        term: u64,
        build: Build,
        envelopes: &[(ResourceKey, Bytes)],
    ) -> Result<Result<u64, Refusal>, BusError> {
        self.pass().await?;
        let (term, build) = self.admitted(term, build).await?;
        let mended = self.bus().mend(term, build, envelopes).await?;
        self.pass().await?;
        Ok(mended)
    }

    async fn purge(
        &self,
        term: u64,
        build: Build,
        tombstones: &[(ResourceKey, Sequence)],
    ) -> Result<Result<u64, Refusal>, BusError> {
        self.pass().await?;
        if !self.holds(Rule::PurgeBelowLog) {
            for (key, _) in tombstones {
                self.bus().lose_document(key);
            }
            return Ok(Ok(0));
        }
        let (term, build) = self.admitted(term, build).await?;
        let purged = self.bus().purge(term, build, tombstones).await?;
        self.0
            .ground
            .note(|| format!("purge of {tombstones:?}: {purged:?}"));
        self.pass().await?;
        Ok(purged)
    }

    async fn held(
        &self,
        build: Build,
        keys: &[ResourceKey],
    ) -> Result<Result<Vec<Held>, Refusal>, BusError> {
        self.pass().await?;
        let held = self.bus().held(build, keys).await?;
        self.pass().await?;
        Ok(held)
    }

    async fn names(
        &self,
        build: Build,
        bucket: u32,
        fields_max: u64,
    ) -> Result<Result<Names, Refusal>, BusError> {
        self.pass().await?;
        let mut names = self.bus().names(build, bucket, fields_max).await?;
        // The bus gives them in no order, which a world cannot have.
        if let Ok(names) = &mut names {
            names
                .keys
                .sort_by(|one, other| one.as_str().cmp(other.as_str()));
        }
        self.pass().await?;
        Ok(names)
    }

    async fn finish(&self, build: Build, chunks: u64) -> Result<Result<(), Refusal>, BusError> {
        self.pass().await?;
        let mut chunks = chunks;
        if let (Some(meta), false) = (self.bus().meta().await?, self.holds(Rule::ChunksCounted)) {
            chunks = meta.built;
        }
        let finished = self.bus().finish(build, chunks).await?;
        self.0.ground.note(|| format!("finish: {finished:?}"));
        self.pass().await?;
        Ok(finished)
    }

    async fn probes(&self) -> Result<Vec<Probe>, BusError> {
        self.pass().await?;
        let probes = self.sorted_probes().await?;
        self.pass().await?;
        Ok(probes)
    }

    async fn heartbeat(&self, heartbeat: &Heartbeat) -> Result<(), BusError> {
        self.pass().await?;
        let mut heartbeat = heartbeat.clone();
        if !self.holds(Rule::ProbesBeforeHead) {
            heartbeat.probes = self.sorted_probes().await?;
        }
        self.bus().heartbeat(&heartbeat).await?;
        self.pass().await
    }
}
