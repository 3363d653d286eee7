//! A model world: a database whose history may be taken back, a bus that loses, repeats, reorders
//! and goes away, a writer to ask, a catalog, and the machine between them. After every step it
//! checks what a reader promises.

mod bus;
mod database;
mod reader;
mod writer;

use std::{collections::BTreeMap, time::Duration};

use proptest::prelude::*;
use shared::Position;

use super::super::{Input, Replica, Source, Sources, Timing};

use bus::Bus;
use database::{Database, sequence};
use reader::Held;
use writer::Writer;

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
    PollRead,
    PollTell,
    PollFails,
    Scrub,
    BusGoesAway,
    BusComesBack,
    PruneLog,
    PurgeTombstones,
    PruneDatabase,
    RestoreDatabase { lost: usize },
    Elapse { ms: u64 },
}

fn action() -> impl Strategy<Value = Action> {
    let commit = (0..KEYS, prop::bool::weighted(0.3))
        .prop_map(|(key, delete)| Action::Commit { key, delete });
    prop_oneof![
        8 => commit,
        8 => Just(Action::Publish),
        8 => any::<prop::sample::Index>().prop_map(Action::Deliver),
        2 => any::<prop::sample::Index>().prop_map(Action::Duplicate),
        2 => any::<prop::sample::Index>().prop_map(Action::Lose),
        4 => Just(Action::Heartbeat),
        1 => Just(Action::Cut),
        3 => Just(Action::Connect),
        6 => Just(Action::HydrateRead),
        6 => Just(Action::HydrateTell),
        1 => Just(Action::HydrateFails),
        3 => Just(Action::Replay),
        1 => Just(Action::ReplayFails),
        4 => Just(Action::PollRead),
        8 => Just(Action::PollTell),
        1 => Just(Action::PollFails),
        6 => Just(Action::Scrub),
        1 => Just(Action::BusGoesAway),
        2 => Just(Action::BusComesBack),
        1 => Just(Action::PruneLog),
        1 => Just(Action::PurgeTombstones),
        1 => Just(Action::PruneDatabase),
        1 => (0..4_usize).prop_map(|lost| Action::RestoreDatabase { lost }),
        5 => (1..400_u64).prop_map(|ms| Action::Elapse { ms }),
        1 => (1_000..6_000_u64).prop_map(|ms| Action::Elapse { ms }),
    ]
}

struct World {
    now: Duration,
    database: Database,
    bus: Bus,
    writer: Writer,
    replica: Replica,
    catalog: BTreeMap<u8, Held>,
    position_before: Option<Position>,
}

impl World {
    fn new(sources: Sources) -> Self {
        let (replica, effects) = Replica::start(READER.to_owned(), sources, Timing::DEFAULT, 7);
        let mut world = Self {
            now: Duration::ZERO,
            database: Database::new(),
            bus: Bus::default(),
            writer: Writer::default(),
            replica,
            catalog: BTreeMap::new(),
            position_before: None,
        };
        world.carry_out(effects);
        world
    }

    fn act(&mut self, action: &Action) {
        let in_flight = self.bus.in_flight.len();
        match action {
            Action::Commit { key, delete } => self.database.commit(self.now, *key, *delete),
            Action::Publish => self.publish(),
            Action::Deliver(index) if in_flight > 0 => {
                let delivery = self.bus.in_flight.remove(index.index(in_flight));
                self.receive(delivery);
            }
            Action::Duplicate(index) if in_flight > 0 => {
                let delivery = index.get(&self.bus.in_flight).clone();
                self.receive(delivery);
            }
            Action::Lose(index) if in_flight > 0 => {
                self.bus.in_flight.remove(index.index(in_flight));
            }
            Action::Deliver(_) | Action::Duplicate(_) | Action::Lose(_) => {}
            Action::Heartbeat => self.heartbeat(),
            Action::Cut => self.cut(),
            Action::Connect => self.connect(),
            Action::HydrateRead => self.hydrate_read(),
            Action::HydrateTell => self.hydrate_tell(),
            Action::HydrateFails => self.hydrate_fails(),
            Action::Replay => self.answer_replay(),
            Action::ReplayFails => self.replay_fails(),
            Action::PollRead => self.poll_read(),
            Action::PollTell => self.poll_tell(),
            Action::PollFails => self.poll_fails(),
            Action::Scrub => self.scrub(),
            Action::BusGoesAway => {
                self.bus.is_away = true;
                self.cut();
            }
            Action::BusComesBack => self.bus.is_away = false,
            Action::PruneLog => self.bus.log_from = self.bus.published_through,
            Action::PurgeTombstones => self.bus.purged_through = self.bus.log_from,
            Action::PruneDatabase => self.database.pruned_through = self.bus.published_through,
            Action::RestoreDatabase { lost } => self.restore_database(*lost),
            Action::Elapse { ms } => self.elapse(Duration::from_millis(*ms)),
        }
    }

    /// The faults of the bus are over: everything asked for is answered.
    fn heal(&mut self) {
        self.act(&Action::BusComesBack);
        self.settle(Source::Bus);
    }

    /// The bus is gone for good, the writer answers.
    fn lose_the_bus(&mut self) {
        self.act(&Action::BusGoesAway);
        self.settle(Source::Writer);
    }

    /// Answers everything for 20 s, or until the reader equals the database.
    fn settle(&mut self, source: Source) {
        for _ in 0..400 {
            while !self.bus.is_away && self.bus.published_through < self.database.history.len() {
                self.publish();
            }
            self.connect();
            while !self.bus.in_flight.is_empty() {
                let delivery = self.bus.in_flight.remove(0);
                self.receive(delivery);
            }
            self.heartbeat();
            for _ in 0..2 + BUCKETS {
                self.hydrate_read();
                self.hydrate_tell();
                self.scrub();
            }
            self.answer_replay();
            self.poll_read();
            while !self.writer.told.is_empty() {
                self.poll_tell();
            }
            self.elapse(Duration::from_millis(50));
            if self.difference(source).is_none() {
                return;
            }
        }
        let difference = self.difference(source).unwrap_or_default();
        panic!(
            "the reader does not converge: {difference}; {:?}",
            self.replica
        );
    }

    /// What the reader lacks of being equal to the database, ready and fresh.
    fn difference(&self, source: Source) -> Option<String> {
        let staleness = self
            .replica
            .confirmed_at()
            .map(|at| self.now.saturating_sub(at));
        let stands = (self.replica.position(), self.replica.source());
        if stands != (Some(self.database.head()), source) || !self.replica.is_ready() {
            return Some(format!("it stands at {stands:?}"));
        }
        if staleness.is_none_or(|age| Duration::from_secs(1) <= age) {
            return Some(format!("its staleness is {staleness:?}"));
        }
        (0..KEYS).find_map(|key| {
            let latest = self.database.state_of(key, self.database.history.len());
            let live = latest.filter(|(_, delete)| !delete);
            let live = live.map(|(index, _)| sequence(index + 1));
            let held = self.catalog.get(&key).filter(|held| !held.deleted);
            let held = held.map(|held| held.position.sequence);
            (held != live).then(|| format!("document {key} is {held:?} instead of {live:?}"))
        })
    }

    /// The database goes back, and the bus is rebuilt from it.
    fn restore_database(&mut self, lost: usize) {
        self.database.restore(lost);
        self.bus.published_through = self.database.history.len();
        self.bus.log_from = self.bus.published_through;
        self.bus.purged_through = self.bus.published_through;
    }

    fn elapse(&mut self, time: Duration) {
        self.now += time;
        self.step(Input::Tick);
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(500))]

    #[test]
    fn any_interleaving_of_faults_ends_in_the_database_state(
        actions in prop::collection::vec(action(), 1..160)
    ) {
        let mut world = World::new(Sources::Bus);
        for action in &actions {
            world.act(action);
        }
        world.heal();
    }

    #[test]
    fn any_interleaving_ends_so_with_a_second_source_and_then_without_the_bus(
        actions in prop::collection::vec(action(), 1..160)
    ) {
        let mut world = World::new(Sources::BusAndWriter);
        for action in &actions {
            world.act(action);
        }
        world.heal();
        world.lose_the_bus();
        world.heal();
    }

    #[test]
    fn any_interleaving_ends_so_without_the_bus(
        actions in prop::collection::vec(action(), 1..160)
    ) {
        let mut world = World::new(Sources::BusAndWriter);
        for action in &actions {
            world.act(action);
        }
        world.lose_the_bus();
    }
}
