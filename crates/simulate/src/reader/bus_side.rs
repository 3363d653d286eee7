//! What a reader reads from the bus.

use bus::{BucketRead, Build, BusError, Follower, MemoryBus, Meta};
use futures_util::FutureExt;
use reader::{
    catalog::Hydration,
    replica::{
        ComparedBucket, Input, ReplayAttempt, ScrubAttempt, ScrubbedBucket, SnapshotFailure, Source,
    },
};
use shared::{Envelope, Epoch, Position};

use super::{Connection, Event, Reader};
use crate::Rule;

impl Reader {
    /// The bus, if it can be reached now.
    pub(super) fn bus(&self) -> Option<&MemoryBus> {
        let is_lost = self.ground.happens(self.ground.weather().lose_request);
        let is_cut = self.ground.now() < self.cut_until;
        (!is_lost && !is_cut).then_some(&self.ground.bus)
    }

    /// What the bus says of its snapshot.
    fn meta(&self, connection: &mut Connection) -> Result<Option<Meta>, BusError> {
        let bus = self.bus().ok_or(BusError::Away)?;
        if connection.is_none() {
            *connection = bus.snapshot().now_or_never().and_then(Result::ok);
        }
        let asked = connection
            .as_mut()
            .and_then(|snapshot| snapshot.meta().now_or_never());
        asked.unwrap_or(Err(BusError::Away))
    }

    pub(super) fn connect(&mut self, number: u64) {
        if number != self.latest.connection {
            return;
        }
        let made = self
            .bus()
            .and_then(|bus| bus.subscribe().now_or_never()?.ok());
        let is_told = self.ground.rules.hold(Rule::ReconnectIsGap)
            || self.replica.state() == reader::replica::State::Connecting;
        let is_made = made.is_some();
        self.subscription = made;
        match (is_told, is_made) {
            (true, true) => self.step(Input::Subscribed),
            (true, false) => self.step(Input::Disconnected),
            (false, true) => {}
            (false, false) => self.plan(super::TICK, Event::Connect(number)),
        }
    }

    pub(super) fn probe(&mut self, nonce: u64) {
        if let Some(bus) = self.bus() {
            // One that is lost proves nothing.
            drop(Follower::probe(bus, &self.name, nonce).now_or_never());
        }
    }

    pub(super) fn replay(&mut self, attempt: ReplayAttempt, after: Position) {
        let read = self
            .bus()
            .and_then(|bus| Follower::replay(bus, after).now_or_never()?.ok());
        let input = match read {
            None => Input::ReplayFailed(attempt),
            Some(mut page) => {
                if !self.ground.rules.hold(Rule::LogEndHydrates) {
                    page.meta = None;
                }
                let deliveries = page.deliveries.into_iter();
                page.deliveries = deliveries.map(|one| self.delivered(one)).collect();
                Input::Replayed(attempt, page)
            }
        };
        let delay = self.ground.delay();
        self.plan(delay, Event::Tell(input));
    }

    /// Reads the next piece of a hydration.
    pub(super) fn hydrate(&mut self, attempt: Hydration) {
        let Some(index) = self
            .hydrations
            .iter()
            .position(|one| one.attempt == attempt)
        else {
            return;
        };
        let goes_on = match self.hydrations[index].from {
            Source::Bus => self.read_bus(index),
            Source::Writer => self.read_writer(index),
        };
        if goes_on {
            let delay = self.ground.delay();
            self.plan(delay, Event::Hydrate(attempt));
        } else {
            self.hydrations.remove(index);
        }
    }

    /// Whether there is more to read.
    fn read_bus(&mut self, index: usize) -> bool {
        let attempt = self.hydrations[index].attempt;
        let mut connection = self.hydrations[index].connection.take();
        let Ok(meta) = self.meta(&mut connection) else {
            let failure = SnapshotFailure::Unavailable;
            return self.end_hydration(index, Input::SnapshotFailed(attempt, failure));
        };
        let Some(begun) = self.hydrations[index].begun else {
            let Some(meta) = meta else {
                return self.end_hydration(index, Input::SnapshotBegin(attempt, None));
            };
            let mut buckets: Vec<u32> = (0..meta.buckets).collect();
            self.ground.random().shuffle(&mut buckets);
            self.hydrations[index].begun = Some(meta);
            self.hydrations[index].connection = connection;
            self.hydrations[index].buckets = buckets;
            self.latest.floors.insert(attempt.0, meta.position());
            if self.ground.rules.hold(Rule::FloorBeforeBuckets) {
                let presented = self.presented(meta);
                self.pass_on(index, Input::SnapshotBegin(attempt, Some(presented)));
            }
            return true;
        };
        let Some(bucket) = self.hydrations[index].buckets.pop() else {
            return self.end_bus_hydration(index, begun, meta);
        };
        let read = self.bucket(begun.build, bucket, &mut connection);
        self.hydrations[index].connection = connection;
        match read {
            Ok(envelopes) => {
                let chunk = Input::SnapshotChunk(attempt, envelopes);
                if self.ground.rules.hold(Rule::FloorBeforeBuckets) {
                    self.pass_on(index, chunk);
                } else {
                    self.hydrations[index].held_back.push(chunk);
                }
                true
            }
            Err(failure) => self.end_hydration(index, Input::SnapshotFailed(attempt, failure)),
        }
    }

    fn end_bus_hydration(&mut self, index: usize, begun: Meta, meta: Option<Meta>) -> bool {
        let attempt = self.hydrations[index].attempt;
        let ended = if self.ground.rules.hold(Rule::MetaReadAgain) {
            meta
        } else {
            Some(begun)
        };
        let ended = ended.map(|meta| self.presented(meta));
        if !self.ground.rules.hold(Rule::FloorBeforeBuckets) {
            self.latest.floors.remove(&attempt.0);
            self.pass_on(index, Input::SnapshotBegin(attempt, ended));
            for chunk in std::mem::take(&mut self.hydrations[index].held_back) {
                self.pass_on(index, chunk);
            }
        }
        self.end_hydration(index, Input::SnapshotEnd(attempt, ended))
    }

    fn bucket(
        &self,
        build: Build,
        index: u32,
        connection: &mut Connection,
    ) -> Result<Vec<Envelope>, SnapshotFailure> {
        let marked = self.ground.rules.hold(Rule::BucketMarks);
        let build = match self.meta(connection).ok().flatten() {
            Some(meta) if !marked => meta.build,
            _ => build,
        };
        match self.read_bucket(build, index, connection) {
            Some(BucketRead::Intact { envelopes, .. }) => Ok(envelopes),
            Some(BucketRead::Lost) if !marked => Ok(Vec::new()),
            Some(BucketRead::Lost) => Err(SnapshotFailure::BucketLost(build, index)),
            // Parts are put together by the seam.
            Some(BucketRead::Part(_)) | None => Err(SnapshotFailure::Unavailable),
        }
    }

    /// What a scrub has read, as the driver compares it with what it holds then.
    fn compare_bucket(&self, epoch: Epoch, read: BucketRead) -> Option<ComparedBucket> {
        let BucketRead::Intact {
            envelopes,
            undecodable,
        } = read
        else {
            return None;
        };
        let (alike, envelopes): (Vec<_>, Vec<_>) = envelopes.into_iter().partition(|one| {
            one.position.epoch == epoch && self.catalog.gains_nothing(one, &self.ground)
        });
        Some(ComparedBucket {
            envelopes,
            alike: alike.into_iter().map(|one| one.key).collect(),
            undecodable,
        })
    }

    fn read_bucket(
        &self,
        build: Build,
        index: u32,
        connection: &mut Connection,
    ) -> Option<BucketRead> {
        self.bus()?;
        let read = connection.as_mut()?.buckets(build, &[index]).now_or_never();
        let mut bucket = read?.ok()?.pop()?;
        // The bus gives them in no order, which a world cannot have.
        if let BucketRead::Intact { envelopes, .. } = &mut bucket {
            envelopes.sort_by_key(|one| one.position);
        }
        Some(bucket)
    }

    /// Meta as the machine gets it without some of its rules.
    fn presented(&self, mut meta: Meta) -> Meta {
        let rules = self.ground.rules;
        if !rules.hold(Rule::CompleteOnly) {
            meta.complete = true;
        }
        if let (Some(held), false) = (self.replica.position(), rules.hold(Rule::SnapshotNotBehind))
            && held.epoch == meta.epoch
            && meta.published_through < held.sequence
        {
            meta.published_through = held.sequence;
            let link = self.ground.database().current.link_at(held.sequence.0);
            meta.tip = link.unwrap_or(meta.tip);
        }
        meta
    }

    /// Reads a bucket between two readings of meta.
    pub(super) fn scrub(
        &mut self,
        attempt: ScrubAttempt,
        turn: u32,
        begun: Option<Meta>,
        mut connection: Connection,
    ) {
        let delay = self.ground.delay();
        let Ok(Some(meta)) = self.meta(&mut connection) else {
            self.plan(delay, Event::Tell(Input::ScrubFailed(attempt)));
            return;
        };
        let Some(begun) = begun else {
            self.plan(delay, Event::Scrub(attempt, turn, Some(meta), connection));
            return;
        };
        let index = turn % begun.buckets;
        let read = self.read_bucket(begun.build, index, &mut connection);
        let input = match (read, self.meta(&mut connection)) {
            (Some(bucket), Ok(ended)) => Input::Scrubbed(
                attempt,
                ScrubbedBucket {
                    begun,
                    index,
                    bucket: self.compare_bucket(begun.epoch, bucket),
                    ended,
                },
            ),
            _ => Input::ScrubFailed(attempt),
        };
        self.plan(delay, Event::Tell(input));
    }

    /// Tells the machine of a hydration, in its order.
    pub(super) fn pass_on(&mut self, index: usize, input: Input) {
        let at = self.ground.now() + self.ground.delay();
        let at = at.max(self.hydrations[index].told_at);
        self.hydrations[index].told_at = at;
        self.plan_at(at, Event::Tell(input));
    }

    /// As [`Self::pass_on`], for the last of it.
    pub(super) fn end_hydration(&mut self, index: usize, input: Input) -> bool {
        self.pass_on(index, input);
        false
    }
}
