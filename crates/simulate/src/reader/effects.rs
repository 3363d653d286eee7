//! What the driver does for each effect.

use std::{collections::BTreeMap, time::Duration};

use reader::{
    catalog::Hydration,
    replica::{Effect, Input, PollAttempt, ReplayAttempt, ScrubAttempt, Source},
};
use shared::{Envelope, Epoch, Position, Sequence};

use super::{Event, Hydrating, Reader, WriterPages};
use crate::{Rule, history::number};

/// The latest of each kind of attempt.
#[derive(Debug, Default)]
pub(super) struct Latest {
    pub(super) connection: u64,
    pub(super) hydration: Option<Hydration>,
    pub(super) replay: Option<ReplayAttempt>,
    pub(super) poll: Option<PollAttempt>,
    pub(super) scrub: Option<ScrubAttempt>,
    pub(super) nonce: u64,
    /// What snapshots really reach to, without [`Rule::SnapshotNotBehind`].
    pub(super) floors: BTreeMap<u32, Position>,
}

impl Reader {
    pub(super) fn carry_out_one(&mut self, effect: Effect) {
        match effect {
            Effect::Apply(envelope, seen_by) => self.apply(&envelope, seen_by),
            Effect::DropLeft(mark, tip) => {
                if self.ground.rules.hold(Rule::LocalAlone) {
                    self.catalog.drop_unseen(mark, tip);
                }
            }
            Effect::Repair(envelope, mark, _) => self.apply(&envelope, Some(mark)),
            Effect::Mark(keys, mark) => {
                for key in &keys {
                    self.catalog.mark(key, mark);
                }
            }
            Effect::DropUnseen(attempt, floor) => {
                self.flights.overtake_all();
                self.drop_unseen(attempt, floor);
            }
            Effect::DropUnscrubbed(mark, floor) => self.drop_unseen(mark, floor),
            Effect::ForgetTombstones(_) if self.keeping.is_writing() => {}
            Effect::ForgetTombstones(through) => self.catalog.forget_tombstones(through),
            Effect::ReadLocal(attempt) => self.read_local(attempt),
            Effect::SetReady(ready) => self.is_ready = ready,
            Effect::Connect(delay) => {
                self.subscription = None;
                self.latest.connection += 1;
                let delay = delay + self.ground.delay();
                self.plan(delay, Event::Connect(self.latest.connection));
            }
            other => self.ask_for(&other),
        }
    }

    fn apply(&mut self, envelope: &Envelope, seen_by: Option<Hydration>) {
        self.flights.overtake(number(&envelope.key));
        self.catalog.apply(envelope, seen_by, &self.ground);
    }

    /// Begins what the machine is told the outcome of later.
    fn ask_for(&mut self, effect: &Effect) {
        let delay = self.ground.delay();
        match *effect {
            Effect::Hydrate(attempt, from, after) => {
                self.latest.hydration = Some(attempt);
                self.hydrations.push(Hydrating {
                    attempt,
                    from,
                    begun: None,
                    connection: None,
                    buckets: Vec::new(),
                    pages: WriterPages::default(),
                    held_back: Vec::new(),
                    told_at: Duration::ZERO,
                });
                self.plan(after + delay, Event::Hydrate(attempt));
            }
            Effect::Replay(attempt, after) => {
                self.latest.replay = Some(attempt);
                self.plan(delay, Event::Replay(attempt, after));
            }
            Effect::Poll(attempt, tip) => {
                self.latest.poll = Some(attempt);
                let in_doubt = self.replica.source() == Source::Bus;
                let event = if in_doubt && !self.ground.rules.hold(Rule::DoubtAsked) {
                    Event::Tell(Input::PollFailed(attempt))
                } else {
                    Event::Poll(attempt, tip)
                };
                self.plan(delay, event);
            }
            Effect::Scrub(attempt, turn) => {
                self.latest.scrub = Some(attempt);
                let event = if self.ground.rules.hold(Rule::Scrub) {
                    Event::Scrub(attempt, turn, None, None)
                } else {
                    Event::Tell(Input::ScrubFailed(attempt))
                };
                self.plan(delay, event);
            }
            Effect::Probe(nonce) => {
                self.latest.nonce = nonce;
                self.plan(delay, Event::Probe(nonce));
            }
            Effect::ReportLost(build, bucket) => {
                self.plan(delay, Event::ReportLost(build, bucket));
            }
            _ => {}
        }
    }

    fn drop_unseen(&mut self, attempt: Hydration, floor: Position) {
        self.keeping.abandon();
        if !self.ground.rules.hold(Rule::ReadyAtHead) {
            self.is_ready = true;
        }
        if !self.ground.rules.hold(Rule::UnseenDropped) {
            return;
        }
        let floor = if self.ground.rules.hold(Rule::DroppedBelowFloor) {
            self.latest.floors.get(&attempt.0).copied().unwrap_or(floor)
        } else {
            Position::new(Epoch(u64::MAX), Sequence(u64::MAX))
        };
        self.catalog.drop_unseen(attempt, floor);
    }
}
