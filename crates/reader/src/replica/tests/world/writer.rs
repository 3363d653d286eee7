//! The writer's internal plane of the model world: it reads the database at one moment, and the
//! machine hears of it later.

use std::collections::VecDeque;

use bus::{Build, Meta};
use shared::{Delivery, Envelope, Sequence};

use super::{BUCKETS, KEYS, World, bus::RunningHydration};
use crate::replica::{Input, PollAttempt, Tip};

/// Changes of one page.
const PAGE: usize = 3;

/// What is asked of the writer, and what it has answered.
#[derive(Default)]
pub(super) struct Writer {
    pub(super) poll: Option<(PollAttempt, Tip)>,
    /// What the machine has not taken yet of the answer.
    pub(super) told: VecDeque<Input>,
}

impl World {
    /// The writer reads its answer in one database snapshot.
    pub(super) fn poll_read(&mut self) {
        let Some((attempt, after)) = self.writer.poll.take() else {
            return;
        };
        let database = &self.database;
        let head = database.head();
        let number = usize::try_from(after.position.sequence.0).unwrap();
        let stands = after.position.epoch == head.epoch
            && number <= database.history.len()
            && database.link_at(number) == after.link;
        if !stands || number < database.pruned_through {
            let refused = Input::PollRefused(attempt, Some(head));
            self.writer.told.push_back(refused);
            return;
        }
        let last = database.history.len().min(number + PAGE);
        let deliveries: Vec<Delivery> = (number + 1..=last)
            .filter_map(|slot| {
                let key = database.history[slot - 1].key;
                let (index, _) = database.state_of(key, database.history.len())?;
                Some(database.delivery(slot, index))
            })
            .collect();
        let begin = Input::PollBegin(attempt, database.heartbeat(Vec::new()));
        let deliveries = Input::PollDeliveries(attempt, deliveries);
        let answer = [begin, deliveries, Input::PollEnd(attempt)];
        self.writer.told.extend(answer);
    }

    pub(super) fn poll_tell(&mut self) {
        if let Some(input) = self.writer.told.pop_front() {
            self.step(input);
        }
    }

    /// Whatever has not arrived yet is lost.
    pub(super) fn poll_fails(&mut self) {
        let asked = self.writer.poll.take().map(|(attempt, _)| attempt);
        let told = self.writer.told.back().and_then(|last| match last {
            Input::PollEnd(attempt) | Input::PollRefused(attempt, _) => Some(*attempt),
            _ => None,
        });
        self.writer.told.clear();
        if let Some(attempt) = asked.or(told) {
            self.step(Input::PollFailed(attempt));
        }
    }

    /// A hydration from the writer reads its next piece.
    pub(super) fn writer_snapshot_read(&mut self) {
        let head = self.database.head();
        let Some(running) = &mut self.bus.hydration else {
            return;
        };
        let attempt = running.attempt;
        let Some(begun) = running.meta else {
            running.meta = Some(meta_of(head.epoch, head.sequence));
            let begin = Input::WriterSnapshotBegin(attempt, self.database.heartbeat(Vec::new()));
            self.bus.told.push_back(begin);
            return;
        };
        if begun.epoch != head.epoch {
            self.hydrate_fails();
            return;
        }
        let RunningHydration { next_bucket, .. } = running;
        let bucket = *next_bucket;
        *next_bucket += 1;
        if bucket == BUCKETS {
            self.bus.hydration = None;
            let end = Input::WriterSnapshotEnd(attempt, begun.epoch);
            self.bus.told.push_back(end);
        } else {
            let chunk = Input::SnapshotChunk(attempt, self.page(bucket));
            self.bus.told.push_back(chunk);
        }
    }

    /// Some of the documents, as they are now.
    fn page(&self, page: u32) -> Vec<Envelope> {
        let database = &self.database;
        (0..KEYS)
            .filter(|key| u32::from(*key) % BUCKETS == page)
            .filter_map(|key| database.state_of(key, database.history.len()))
            .filter(|(index, delete)| !delete || database.pruned_through <= *index)
            .map(|(index, _)| database.envelope(index))
            .collect()
    }
}

/// Where a snapshot of the writer began, in the form in which the model remembers it.
fn meta_of(epoch: shared::Epoch, head: Sequence) -> Meta {
    Meta {
        epoch,
        term: 0,
        build: Build(epoch.0),
        buckets: BUCKETS,
        built: 0,
        complete: true,
        published_through: head,
        log_from: head,
        tip: shared::Link::ZERO,
    }
}
