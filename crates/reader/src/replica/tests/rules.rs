//! Each rule of following by itself.

mod doubts;
mod follow;
mod hydrate;
mod local;
mod poll;
mod scrub;
mod tell;

use std::time::Duration;

use bus::{Build, Meta, Replay};
use shared::{
    Change, Delivery, Envelope, Epoch, Heartbeat, Link, Position, ResourceKey, Sequence, Slot,
    Timestamp, Version, codec::DecodeError, feed::Probe,
};

use super::super::{
    Effect, Input, ReplayAttempt, Replica, SnapshotFailure, Sources, State, Timing,
};
use crate::catalog::Hydration;

const EPOCH: Epoch = Epoch(1_700_000_000_000_000);

/// A machine and the effects of its last step.
struct Machine {
    now: Duration,
    replica: Replica,
    effects: Vec<Effect>,
}

impl Machine {
    fn new() -> Self {
        Self::with(Sources::Bus)
    }

    fn with(sources: Sources) -> Self {
        let (replica, effects) = Replica::start("me".to_owned(), sources, Timing::DEFAULT, 1);
        Self {
            now: Duration::ZERO,
            replica,
            effects,
        }
    }

    /// Hydrated to `sequence`, with the replay that follows answered.
    fn hydrated(sequence: u64) -> Self {
        Self::new().hydrate(sequence)
    }

    fn hydrate(self, sequence: u64) -> Self {
        let mut machine = self;
        machine.take(Input::Subscribed);
        machine.finish_hydration(meta(sequence));
        machine.finish_replay(Vec::new(), sequence);
        machine
    }

    fn take(&mut self, input: Input) -> &[Effect] {
        self.effects.clear();
        self.replica.step(self.now, input, &mut self.effects);
        &self.effects
    }

    /// Lets time pass in ticks of 10 ms and gives all that was asked for meanwhile.
    fn elapse(&mut self, ms: u64) -> Vec<Effect> {
        let mut all = Vec::new();
        for _ in 0..ms / 10 {
            self.now += Duration::from_millis(10);
            all.extend_from_slice(self.take(Input::Tick));
        }
        all
    }

    fn attempt(&self) -> Hydration {
        hydration_in(&self.effects).expect("a hydration was asked for")
    }

    fn finish_hydration(&mut self, meta: Meta) {
        let attempt = self.attempt();
        self.take(Input::SnapshotBegin(attempt, Some(meta)));
        self.take(Input::SnapshotEnd(attempt, Some(meta)));
    }

    fn finish_replay(&mut self, deliveries: Vec<Delivery>, published_through: u64) {
        let attempt = replay_in(&self.effects).expect("a replay was asked for");
        let page = Replay {
            meta: Some(meta(published_through)),
            deliveries,
            more: false,
        };
        self.take(Input::Replayed(attempt, page));
    }

    fn sequence(&self) -> Option<u64> {
        self.replica.position().map(|position| position.sequence.0)
    }
}

fn hydration_in(effects: &[Effect]) -> Option<Hydration> {
    effects.iter().find_map(|effect| match effect {
        Effect::Hydrate(attempt, ..) => Some(*attempt),
        _ => None,
    })
}

fn replay_in(effects: &[Effect]) -> Option<ReplayAttempt> {
    effects.iter().find_map(|effect| match effect {
        Effect::Replay(attempt, _) => Some(*attempt),
        _ => None,
    })
}

fn connects(effects: &[Effect]) -> bool {
    effects
        .iter()
        .any(|effect| matches!(effect, Effect::Connect(_)))
}

fn probe_in(effects: &[Effect]) -> Option<u64> {
    effects.iter().find_map(|effect| match effect {
        Effect::Probe(nonce) => Some(*nonce),
        _ => None,
    })
}

fn position(sequence: u64) -> Position {
    Position::new(EPOCH, Sequence(sequence))
}

/// The link of each change in these tests is its number.
fn slot(sequence: u64) -> Slot {
    Slot {
        position: position(sequence),
        prev_link: Link(sequence - 1),
        link: Link(sequence),
    }
}

fn delivery(sequence: u64) -> Delivery {
    let slot = slot(sequence);
    let envelope = Envelope {
        position: slot.position,
        prev_link: slot.prev_link,
        link: slot.link,
        version: Version(1),
        updated_at: Timestamp(0),
        expires_at: None,
        key: ResourceKey::parse("docs", "a").unwrap(),
        change: Change::Delete,
        extensions: Vec::new(),
    };
    Delivery {
        slot,
        envelope: Ok(envelope),
    }
}

fn unreadable(sequence: u64) -> Delivery {
    Delivery {
        slot: slot(sequence),
        envelope: Err(DecodeError::Format(2)),
    }
}

fn heartbeat(head: u64, nonce: Option<u64>) -> Input {
    Input::Heartbeat(Heartbeat {
        head: position(head),
        link: Link(head),
        database_time: Timestamp(0),
        probes: nonce
            .map(|nonce| Probe {
                reader: "me".to_owned(),
                nonce,
            })
            .into_iter()
            .collect(),
    })
}

fn meta(published_through: u64) -> Meta {
    Meta {
        epoch: EPOCH,
        term: 1,
        build: Build(1),
        buckets: 1,
        built: 1,
        complete: true,
        published_through: Sequence(published_through),
        log_from: Sequence(0),
        tip: Link(published_through),
    }
}
