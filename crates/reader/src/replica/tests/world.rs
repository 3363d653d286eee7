//! A model world: a database whose history may be taken back, a bus that loses, repeats and
//! reorders, a catalog, and the machine between them. After every step it checks what a reader
//! promises.

use std::{
    collections::{BTreeMap, VecDeque},
    time::Duration,
};

use bus::{Build, Meta, Replay};
use bytes::Bytes;
use proptest::prelude::*;
use shared::{
    Change, ContentCoding, Delivery, Envelope, Epoch, Heartbeat, Link, Position, Representation,
    ResourceKey, Sequence, Slot, Timestamp, Version, feed::Probe,
};

use super::super::{Effect, Input, ReplayAttempt, Replica, Timing};
use crate::catalog::Hydration;

const READER: &str = "reader-1";
const KEYS: u8 = 5;
const BUCKETS: u32 = 2;

/// What may happen next.
#[derive(Debug, Clone)]
enum Action {
    Commit { key: u8, delete: bool },
    Publish,
    Deliver(prop::sample::Index),
    Duplicate(prop::sample::Index),
    Lose(prop::sample::Index),
    Heartbeat,
    Cut,
    Connect,
    HydrateRead,
    HydrateTell,
    HydrateFails,
    Replay,
    ReplayFails,
    PruneLog,
    PurgeTombstones,
    RestoreDatabase { lost: usize },
    Elapse { ms: u64 },
}

fn action() -> impl Strategy<Value = Action> {
    prop_oneof![
        8 => (0..KEYS, prop::bool::weighted(0.3))
            .prop_map(|(key, delete)| Action::Commit { key, delete }),
        8 => Just(Action::Publish),
        8 => any::<prop::sample::Index>().prop_map(Action::Deliver),
        2 => any::<prop::sample::Index>().prop_map(Action::Duplicate),
        2 => any::<prop::sample::Index>().prop_map(Action::Lose),
        3 => Just(Action::Heartbeat),
        1 => Just(Action::Cut),
        3 => Just(Action::Connect),
        6 => Just(Action::HydrateRead),
        6 => Just(Action::HydrateTell),
        1 => Just(Action::HydrateFails),
        3 => Just(Action::Replay),
        1 => Just(Action::ReplayFails),
        1 => Just(Action::PruneLog),
        1 => Just(Action::PurgeTombstones),
        1 => (0..4_usize).prop_map(|lost| Action::RestoreDatabase { lost }),
        5 => (1..400_u64).prop_map(|ms| Action::Elapse { ms }),
    ]
}

#[derive(Debug, Clone)]
struct Committed {
    key: u8,
    delete: bool,
    link: Link,
}

#[derive(Debug)]
struct RunningHydration {
    attempt: Hydration,
    meta: Option<Meta>,
    next_bucket: u32,
}

#[derive(Debug)]
struct Held {
    position: Position,
    link: Link,
    deleted: bool,
    seen_by: Option<Hydration>,
}

struct World {
    now: Duration,
    random: u64,
    epoch: Epoch,
    history: Vec<Committed>,
    published_through: usize,
    log_from: usize,
    purged_through: usize,
    in_flight: Vec<Delivery>,
    replica: Replica,
    connecting: bool,
    subscribed: bool,
    hydration: Option<RunningHydration>,
    /// What hydrations have read and the machine has not taken yet.
    told: VecDeque<Input>,
    replay: Option<(ReplayAttempt, Position)>,
    nonce: Option<u64>,
    catalog: BTreeMap<u8, Held>,
    position_before: Option<Position>,
}

impl World {
    fn new() -> Self {
        let (replica, effects) = Replica::start(READER.to_owned(), Timing::DEFAULT, 7);
        let mut world = Self {
            now: Duration::ZERO,
            random: 1,
            epoch: Epoch(1_700_000_000_000_000),
            history: Vec::new(),
            published_through: 0,
            log_from: 0,
            purged_through: 0,
            in_flight: Vec::new(),
            replica,
            connecting: false,
            subscribed: false,
            hydration: None,
            told: VecDeque::new(),
            replay: None,
            nonce: None,
            catalog: BTreeMap::new(),
            position_before: None,
        };
        world.carry_out(effects);
        world
    }

    fn act(&mut self, action: &Action) {
        match action {
            Action::Commit { key, delete } => self.commit(*key, *delete),
            Action::Publish => self.publish(),
            Action::Deliver(index) if !self.in_flight.is_empty() => {
                let delivery = self.in_flight.remove(index.index(self.in_flight.len()));
                self.receive(delivery);
            }
            Action::Duplicate(index) if !self.in_flight.is_empty() => {
                let delivery = index.get(&self.in_flight).clone();
                self.receive(delivery);
            }
            Action::Lose(index) if !self.in_flight.is_empty() => {
                self.in_flight.remove(index.index(self.in_flight.len()));
            }
            Action::Heartbeat => self.heartbeat(),
            Action::Cut if self.subscribed => {
                self.subscribed = false;
                self.step(Input::Disconnected);
            }
            Action::Connect if self.connecting => {
                self.connecting = false;
                self.subscribed = true;
                self.step(Input::Subscribed);
            }
            Action::HydrateRead => self.hydrate_read(),
            Action::HydrateTell => self.hydrate_tell(),
            Action::HydrateFails => self.hydrate_fails(),
            Action::Replay => self.answer_replay(),
            Action::ReplayFails => {
                if let Some((attempt, _)) = self.replay.take() {
                    self.step(Input::ReplayFailed(attempt));
                }
            }
            Action::PruneLog => self.log_from = self.published_through,
            Action::PurgeTombstones => self.purged_through = self.log_from,
            Action::RestoreDatabase { lost } => self.restore_database(*lost),
            Action::Elapse { ms } => self.elapse(Duration::from_millis(*ms)),
            _ => {}
        }
    }

    /// The faults are over: everything asked for is answered. The reader must get there.
    fn heal(&mut self) {
        for _ in 0..400 {
            while self.published_through < self.history.len() {
                self.publish();
            }
            self.act(&Action::Connect);
            while !self.in_flight.is_empty() {
                let delivery = self.in_flight.remove(0);
                self.receive(delivery);
            }
            self.heartbeat();
            for _ in 0..2 + BUCKETS {
                self.hydrate_read();
                self.hydrate_tell();
            }
            self.answer_replay();
            self.elapse(Duration::from_millis(50));
        }
        let head = Position::new(self.epoch, sequence(self.history.len()));
        assert_eq!(self.replica.position(), Some(head), "the reader converges");
        assert!(self.replica.is_ready(), "and is ready");
        let confirmed_at = self
            .replica
            .confirmed_at()
            .expect("and knows its staleness");
        let staleness = self.now.saturating_sub(confirmed_at);
        assert!(
            staleness < Duration::from_secs(1),
            "which is low: {staleness:?}"
        );
        for key in 0..KEYS {
            let live = self
                .state_of(key, self.history.len())
                .filter(|(_, delete)| !delete);
            let held = self.catalog.get(&key).filter(|held| !held.deleted);
            assert_eq!(
                held.map(|held| held.position.sequence),
                live.map(|(index, _)| sequence(index + 1)),
                "document {key} equals the database"
            );
        }
    }

    fn commit(&mut self, key: u8, delete: bool) {
        let link = self.link();
        self.history.push(Committed { key, delete, link });
    }

    /// Publishes the next slot: its writer sends the envelope that it committed.
    fn publish(&mut self) {
        if self.published_through < self.history.len() {
            self.published_through += 1;
            let delivery = self.delivery(self.published_through, self.published_through - 1);
            self.in_flight.push(delivery);
        }
    }

    fn receive(&mut self, delivery: Delivery) {
        if self.subscribed {
            self.step(Input::Delivery(delivery));
        }
    }

    fn heartbeat(&mut self) {
        let probes = self.nonce.map(|nonce| Probe {
            reader: READER.to_owned(),
            nonce,
        });
        let heartbeat = Heartbeat {
            head: Position::new(self.epoch, sequence(self.history.len())),
            link: self.link_at(self.history.len()),
            database_time: Timestamp(0),
            probes: probes.into_iter().collect(),
        };
        if self.subscribed {
            self.step(Input::Heartbeat(heartbeat));
        }
    }

    /// The hydration reads its next piece; the machine is told later, in order.
    fn hydrate_read(&mut self) {
        let meta = self.meta();
        let Some(running) = &mut self.hydration else {
            return;
        };
        let attempt = running.attempt;
        let Some(begun) = running.meta else {
            running.meta = Some(meta);
            self.told
                .push_back(Input::SnapshotBegin(attempt, Some(meta)));
            return;
        };
        let bucket = running.next_bucket;
        running.next_bucket += 1;
        if bucket == BUCKETS || begun.build != meta.build {
            self.hydration = None;
            self.told.push_back(Input::SnapshotEnd(attempt, Some(meta)));
        } else {
            let envelopes = self.bucket(bucket);
            self.told
                .push_back(Input::SnapshotChunk(attempt, envelopes));
        }
    }

    fn hydrate_tell(&mut self) {
        if let Some(input) = self.told.pop_front() {
            self.step(input);
        }
    }

    fn hydrate_fails(&mut self) {
        if let Some(running) = self.hydration.take() {
            let failure = super::super::SnapshotFailure::Unavailable;
            self.step(Input::SnapshotFailed(running.attempt, failure));
        }
    }

    fn answer_replay(&mut self) {
        let Some((attempt, after)) = self.replay.take() else {
            return;
        };
        let mut page = Replay {
            meta: Some(self.meta()),
            deliveries: Vec::new(),
            more: false,
        };
        let after_index = usize::try_from(after.sequence.0).unwrap();
        if after.epoch == self.epoch && self.log_from <= after_index {
            page.deliveries = (after_index + 1..=self.published_through)
                .filter_map(|slot| {
                    let key = self.history[slot - 1].key;
                    let (index, delete) = self.state_of(key, self.published_through)?;
                    let purged = delete && index < self.purged_through;
                    (!purged).then(|| self.delivery(slot, index))
                })
                .collect();
        }
        self.step(Input::Replayed(attempt, page));
    }

    /// The database comes back from a backup that lacks the last changes: a new epoch, and the
    /// bus is rebuilt from it.
    fn restore_database(&mut self, lost: usize) {
        self.epoch = Epoch(self.epoch.0 + 1);
        self.history
            .truncate(self.history.len().saturating_sub(lost));
        self.published_through = self.history.len();
        self.log_from = self.published_through;
        self.purged_through = self.published_through;
    }

    fn elapse(&mut self, time: Duration) {
        self.now += time;
        self.step(Input::Tick);
    }

    fn step(&mut self, input: Input) {
        let mut effects = Vec::new();
        self.replica.step(self.now, input, &mut effects);
        self.carry_out(effects);
        self.check();
    }

    fn carry_out(&mut self, effects: Vec<Effect>) {
        for effect in effects {
            match effect {
                Effect::Connect(_) => {
                    self.connecting = true;
                    self.subscribed = false;
                }
                Effect::Hydrate(attempt, _) => {
                    self.hydration = Some(RunningHydration {
                        attempt,
                        meta: None,
                        next_bucket: 0,
                    });
                }
                Effect::Replay(attempt, after) => self.replay = Some((attempt, after)),
                Effect::Apply(envelope, seen_by) => self.apply(&envelope, seen_by),
                Effect::DropUnseen(attempt, floor) => self.catalog.retain(|_, held| {
                    held.seen_by == Some(attempt)
                        || (held.position.epoch == floor.epoch && floor < held.position)
                }),
                Effect::ForgetTombstones(through) => self
                    .catalog
                    .retain(|_, held| !held.deleted || through < held.position),
                Effect::Probe(nonce) => self.nonce = Some(nonce),
                Effect::ReportLost(..) | Effect::SetReady(_) => {}
            }
        }
    }

    fn apply(&mut self, envelope: &Envelope, seen_by: Option<Hydration>) {
        let key = envelope.key.id().parse().unwrap();
        let older = |held: &Held| envelope.position <= held.position;
        match self.catalog.get_mut(&key) {
            Some(held) if older(held) => held.seen_by = seen_by.or(held.seen_by),
            _ => {
                let held = Held {
                    position: envelope.position,
                    link: envelope.link,
                    deleted: envelope.change == Change::Delete,
                    seen_by,
                };
                self.catalog.insert(key, held);
            }
        }
    }

    /// Position p means: every change at or below p is applied or superseded by something applied.
    fn check(&mut self) {
        let position = self.replica.position();
        if let (Some(before), Some(position)) = (self.position_before, position) {
            assert!(
                before <= position,
                "the position never falls: {before} to {position}"
            );
        }
        self.position_before = position;
        let Some(position) = position.filter(|position| position.epoch == self.epoch) else {
            return;
        };
        let through = usize::try_from(position.sequence.0).unwrap();
        assert!(through <= self.history.len(), "the position is real");
        for key in 0..KEYS {
            let Some((index, delete)) = self.state_of(key, through) else {
                continue;
            };
            match self.catalog.get(&key) {
                Some(held) if held.position.epoch == self.epoch => {
                    assert!(
                        sequence(index + 1) <= held.position.sequence,
                        "{key} is not behind"
                    );
                    let at = usize::try_from(held.position.sequence.0).unwrap();
                    assert_eq!(held.link, self.link_at(at), "{key} is of this history");
                }
                // A purged tombstone leaves no trace: absence then tells of the later delete.
                held => assert!(
                    held.is_none() && (delete || self.is_purged(key)),
                    "{key} is there: {held:?}"
                ),
            }
        }
    }

    /// The last change of a key at or below `through`: its index and whether it deleted.
    fn state_of(&self, key: u8, through: usize) -> Option<(usize, bool)> {
        let changes = self.history[..through].iter().enumerate().rev();
        let mut of_key = changes.filter(|(_, change)| change.key == key);
        of_key.next().map(|(index, change)| (index, change.delete))
    }

    /// Whether the key's latest published change is a tombstone that has left the bus.
    fn is_purged(&self, key: u8) -> bool {
        self.state_of(key, self.published_through)
            .is_some_and(|(index, delete)| delete && index < self.purged_through)
    }

    fn bucket(&self, bucket: u32) -> Vec<Envelope> {
        (0..KEYS)
            .filter(|key| u32::from(*key) % BUCKETS == bucket)
            .filter_map(|key| self.state_of(key, self.published_through))
            .filter(|(index, delete)| !delete || self.purged_through <= *index)
            .map(|(index, _)| self.envelope(index))
            .collect()
    }

    fn meta(&self) -> Meta {
        Meta {
            epoch: self.epoch,
            term: 1,
            build: Build(self.epoch.0),
            buckets: BUCKETS,
            built: 0,
            complete: true,
            published_through: sequence(self.published_through),
            log_from: sequence(self.log_from),
            tip: self.link_at(self.published_through),
        }
    }

    fn delivery(&self, slot: usize, index: usize) -> Delivery {
        Delivery {
            slot: self.slot(slot),
            envelope: Ok(self.envelope(index)),
        }
    }

    fn slot(&self, number: usize) -> Slot {
        Slot {
            position: Position::new(self.epoch, sequence(number)),
            prev_link: self.link_at(number - 1),
            link: self.link_at(number),
        }
    }

    fn envelope(&self, index: usize) -> Envelope {
        let change = &self.history[index];
        let slot = self.slot(index + 1);
        let content = Representation::of(ContentCoding::Identity, Bytes::from_static(b"{}"));
        Envelope {
            position: slot.position,
            prev_link: slot.prev_link,
            link: slot.link,
            version: Version(1),
            updated_at: Timestamp(0),
            expires_at: None,
            key: ResourceKey::parse("docs", &change.key.to_string()).unwrap(),
            change: if change.delete {
                Change::Delete
            } else {
                Change::Put(vec![content])
            },
            extensions: Vec::new(),
        }
    }

    fn link_at(&self, number: usize) -> Link {
        match number.checked_sub(1) {
            Some(index) => self.history[index].link,
            None => Link::ZERO,
        }
    }

    fn link(&mut self) -> Link {
        self.random = self
            .random
            .wrapping_mul(6_364_136_223_846_793_005)
            .wrapping_add(1);
        Link(self.random)
    }
}

fn sequence(number: usize) -> Sequence {
    Sequence(number as u64)
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(500))]

    #[test]
    fn any_interleaving_of_faults_ends_in_the_database_state(
        actions in prop::collection::vec(action(), 1..120)
    ) {
        let mut world = World::new();
        for action in &actions {
            world.act(action);
        }
        world.heal();
    }
}
