//! The bus of the model world: it loses, repeats, reorders, and goes away.

use std::collections::VecDeque;

use bus::{BucketRead, Build, Meta, Replay};
use shared::{Delivery, Envelope, Position, feed::Probe};

use super::{BUCKETS, KEYS, READER, World, database::sequence};
use crate::{
    catalog::Hydration,
    replica::{Input, ReplayAttempt, ScrubAttempt, ScrubbedBucket, SnapshotFailure, Source},
};

/// What the bus holds, and what is asked of it.
#[derive(Default)]
pub(super) struct Bus {
    pub(super) is_away: bool,
    pub(super) published_through: usize,
    pub(super) log_from: usize,
    pub(super) purged_through: usize,
    pub(super) in_flight: Vec<Delivery>,
    pub(super) connecting: bool,
    pub(super) subscribed: bool,
    pub(super) nonce: Option<u64>,
    pub(super) hydration: Option<RunningHydration>,
    /// What hydrations have read and the machine has not taken yet.
    pub(super) told: VecDeque<Input>,
    pub(super) replay: Option<(ReplayAttempt, Position)>,
    pub(super) scrub: Option<RunningScrub>,
}

/// A hydration, from the bus or from a writer.
#[derive(Debug)]
pub(super) struct RunningHydration {
    pub(super) attempt: Hydration,
    pub(super) from: Source,
    /// What it began from.
    pub(super) meta: Option<Meta>,
    pub(super) next_bucket: u32,
}

#[derive(Debug)]
pub(super) struct RunningScrub {
    pub(super) attempt: ScrubAttempt,
    pub(super) index: u32,
    pub(super) begun: Option<Meta>,
    pub(super) envelopes: Option<Vec<Envelope>>,
}

impl World {
    pub(super) fn connect(&mut self) {
        if self.bus.connecting {
            self.bus.connecting = false;
            self.bus.subscribed = !self.bus.is_away;
            let made = self.bus.subscribed;
            self.step(if made {
                Input::Subscribed
            } else {
                Input::Disconnected
            });
        }
    }

    pub(super) fn cut(&mut self) {
        if self.bus.subscribed {
            self.bus.subscribed = false;
            self.step(Input::Disconnected);
        }
    }

    /// Publishes the next slot: its writer sends the envelope that it committed.
    pub(super) fn publish(&mut self) {
        if self.bus.published_through < self.database.history.len() {
            self.bus.published_through += 1;
            let delivery = self
                .database
                .delivery(self.bus.published_through, self.bus.published_through - 1);
            self.bus.in_flight.push(delivery);
        }
    }

    pub(super) fn receive(&mut self, delivery: Delivery) {
        if self.bus.subscribed {
            self.step(Input::Delivery(delivery));
        }
    }

    pub(super) fn heartbeat(&mut self) {
        let probes = self.bus.nonce.map(|nonce| Probe {
            reader: READER.to_owned(),
            nonce,
        });
        if self.bus.subscribed {
            let heartbeat = self.database.heartbeat(probes.into_iter().collect());
            self.step(Input::Heartbeat(heartbeat));
        }
    }

    /// A hydration from the bus reads its next piece; the machine is told later, in order.
    pub(super) fn hydrate_read(&mut self) {
        let meta = self.meta();
        let is_away = self.bus.is_away;
        let Some(running) = &mut self.bus.hydration else {
            return;
        };
        if running.from == Source::Writer {
            self.writer_snapshot_read();
            return;
        }
        let attempt = running.attempt;
        if is_away {
            self.hydrate_fails();
            return;
        }
        let Some(begun) = running.meta else {
            running.meta = Some(meta);
            let begin = Input::SnapshotBegin(attempt, Some(meta));
            self.bus.told.push_back(begin);
            return;
        };
        let bucket = running.next_bucket;
        running.next_bucket += 1;
        if bucket == BUCKETS || begun.build != meta.build {
            self.bus.hydration = None;
            let end = Input::SnapshotEnd(attempt, Some(meta));
            self.bus.told.push_back(end);
        } else {
            let chunk = Input::SnapshotChunk(attempt, self.bucket(bucket));
            self.bus.told.push_back(chunk);
        }
    }

    pub(super) fn hydrate_tell(&mut self) {
        if let Some(input) = self.bus.told.pop_front() {
            self.step(input);
        }
    }

    pub(super) fn hydrate_fails(&mut self) {
        if let Some(running) = self.bus.hydration.take() {
            let failure = SnapshotFailure::Unavailable;
            let failed = Input::SnapshotFailed(running.attempt, failure);
            self.bus.told.push_back(failed);
        }
    }

    pub(super) fn replay_fails(&mut self) {
        if let Some((attempt, _)) = self.bus.replay.take() {
            self.step(Input::ReplayFailed(attempt));
        }
    }

    pub(super) fn answer_replay(&mut self) {
        if self.bus.is_away {
            self.replay_fails();
            return;
        }
        let Some((attempt, after)) = self.bus.replay.take() else {
            return;
        };
        let mut page = Replay {
            meta: Some(self.meta()),
            deliveries: Vec::new(),
            more: false,
        };
        let after_index = usize::try_from(after.sequence.0).unwrap();
        if after.epoch == self.database.epoch && self.bus.log_from <= after_index {
            page.deliveries = (after_index + 1..=self.bus.published_through)
                .filter_map(|slot| {
                    let key = self.database.history[slot - 1].key;
                    let (index, delete) =
                        self.database.state_of(key, self.bus.published_through)?;
                    let purged = delete && index < self.bus.purged_through;
                    (!purged).then(|| self.database.delivery(slot, index))
                })
                .collect();
        }
        self.step(Input::Replayed(attempt, page));
    }

    /// A scrub reads meta, then its bucket, then meta again, and then the machine is told.
    pub(super) fn scrub(&mut self) {
        let meta = self.meta();
        let Some(mut running) = self.bus.scrub.take() else {
            return;
        };
        if self.bus.is_away {
            self.step(Input::ScrubFailed(running.attempt));
            return;
        }
        let Some(begun) = running.begun else {
            running.begun = Some(meta);
            self.bus.scrub = Some(running);
            return;
        };
        let lost = begun.build != meta.build;
        match running.envelopes.take() {
            None => {
                let bucket = self.bucket(running.index);
                running.envelopes = Some(if lost { Vec::new() } else { bucket });
                self.bus.scrub = Some(running);
            }
            Some(envelopes) => {
                let read = ScrubbedBucket {
                    begun,
                    index: running.index,
                    bucket: BucketRead::Intact {
                        envelopes,
                        undecodable: 0,
                    },
                    ended: Some(meta),
                };
                self.step(Input::Scrubbed(running.attempt, read));
            }
        }
    }

    fn bucket(&self, bucket: u32) -> Vec<Envelope> {
        (0..KEYS)
            .filter(|key| u32::from(*key) % BUCKETS == bucket)
            .filter_map(|key| self.database.state_of(key, self.bus.published_through))
            .filter(|(index, delete)| !delete || self.bus.purged_through <= *index)
            .map(|(index, _)| self.database.envelope(index))
            .collect()
    }

    fn meta(&self) -> Meta {
        Meta {
            epoch: self.database.epoch,
            term: 1,
            build: Build(self.database.epoch.0),
            buckets: BUCKETS,
            built: 0,
            complete: true,
            published_through: sequence(self.bus.published_through),
            log_from: sequence(self.bus.log_from),
            tip: self.database.link_at(self.bus.published_through),
        }
    }
}
