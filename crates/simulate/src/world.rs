//! One world: faults for a while, then none, and every reader must become equal to the database.

use std::{sync::Arc, time::Duration};

use bus::{Publisher, memory::Checkpoint};
use futures_util::FutureExt;
use reader::replica::Source;
use shared::Slot;
use tokio::{sync::mpsc, time::sleep};

use crate::{
    Rules,
    ground::Ground,
    history::{KEYS, Key, resource},
    reader::{LocalFile, Reader},
    weather::Fault,
    writer::Process,
};

/// The world's step. What writers do happens in between, to the millisecond.
const STEP: Duration = Duration::from_millis(5);

/// How long after the last fault every reader is equal to the database, ready and fresh.
pub(crate) const CONVERGED_WITHIN: Duration = Duration::from_secs(10);

/// The same where the bus has lost a document silently: the leader compares all of them once in
/// 10 s, and then readers scrub all buckets.
pub(crate) const MENDED_WITHIN: Duration = Duration::from_secs(30);

/// How one world ended.
#[derive(Debug, Clone)]
pub struct Ending {
    /// The promise that was broken, in words; none if all were kept.
    pub broken: Option<String>,
    /// How long after the last fault all readers were equal to the database.
    pub converged_after: Duration,
    /// Whether the bus had lost a document silently.
    pub was_damaged: bool,
    /// What happened, if it was asked for.
    pub trace: Vec<String>,
}

pub(crate) struct World {
    ground: Arc<Ground>,
    writers: Vec<Process>,
    readers: Vec<Reader>,
    checkpoint: Option<Checkpoint>,
    bus_back_at: Duration,
    database_back_at: Duration,
    acknowledged: mpsc::UnboundedReceiver<(Key, Slot)>,
    acknowledge: mpsc::UnboundedSender<(Key, Slot)>,
    readers_started: u32,
}

impl World {
    pub(crate) fn new(seed: u64, rules: Rules, is_traced: bool) -> Self {
        let ground = Arc::new(Ground::new(seed, rules, is_traced));
        let (writers, readers) = {
            let mut random = ground.random();
            (random.usize(1..4), random.u32(1..4))
        };
        let (acknowledge, acknowledged) = mpsc::unbounded_channel();
        let mut world = Self {
            writers: (0..writers).map(|_| Process::start(&ground)).collect(),
            readers: Vec::new(),
            ground,
            checkpoint: None,
            bus_back_at: Duration::ZERO,
            database_back_at: Duration::ZERO,
            acknowledged,
            acknowledge,
            readers_started: 0,
        };
        for _ in 0..readers {
            let reader = world.new_reader(None);
            world.readers.push(reader);
        }
        world
    }

    fn new_reader(&mut self, file: Option<LocalFile>) -> Reader {
        self.readers_started += 1;
        let name = format!("reader-{}", self.readers_started);
        Reader::start(&self.ground, name, file)
    }

    pub(crate) async fn run(mut self) -> Ending {
        let lasts = self.ground.weather().lasts;
        let mut broken = None;
        while broken.is_none() && self.ground.now() < lasts {
            self.suffer();
            broken = self.advance().await;
        }
        self.heal();
        let was_damaged = self.ground.weather().has_damage();
        if broken.is_none() && self.ground.random().bool() {
            self.ground.note(|| "the bus stays away".to_owned());
            self.bus_back_at = Duration::MAX;
            self.ground.bus.go_away();
            broken = self.settle(Source::Writer, CONVERGED_WITHIN).await;
            self.bus_back_at = Duration::ZERO;
        }
        let healed_at = self.ground.now();
        if broken.is_none() {
            let patience = if was_damaged {
                MENDED_WITHIN
            } else {
                CONVERGED_WITHIN
            };
            broken = self.settle(Source::Bus, patience).await;
        }
        Ending {
            broken,
            converged_after: self.ground.now().saturating_sub(healed_at),
            was_damaged,
            trace: self.ground.take_trace(),
        }
    }

    /// Waits until all readers that have this source are equal to the database, with a few more
    /// writes meanwhile; gives what is wrong.
    async fn settle(&mut self, source: Source, patience: Duration) -> Option<String> {
        let began = self.ground.now();
        let mut writes_left = 3;
        loop {
            if 0 < writes_left && self.ground.happens(20) {
                writes_left -= 1;
                self.write();
            }
            let broken = self.advance().await;
            if broken.is_some() {
                return broken;
            }
            let elapsed = self.ground.now().saturating_sub(began);
            let mut concerned = self.readers.iter().filter(|reader| reader.has(source));
            match concerned.find_map(|reader| reader.difference(source)) {
                None if writes_left == 0 => return None,
                Some(difference) if patience <= elapsed => {
                    return Some(format!("not converged after {elapsed:?}: {difference}"));
                }
                _ => {}
            }
        }
    }

    /// Lets a step of time pass, and gives the first promise that was broken in it.
    async fn advance(&mut self) -> Option<String> {
        sleep(STEP).await;
        self.end_what_is_over();
        while let Ok((key, slot)) = self.acknowledged.try_recv() {
            let index = self.ground.random().usize(..self.readers.len());
            self.readers[index].ask(key, slot);
        }
        for reader in &mut self.readers {
            if self.ground.happens(300) {
                let key = self.ground.random().u8(..KEYS);
                reader.look(key);
            }
            reader.run();
        }
        let mut broken = self.readers.iter().filter_map(Reader::broken);
        broken.next().map(str::to_owned)
    }

    fn end_what_is_over(&mut self) {
        let now = self.ground.now();
        if self.bus_back_at <= now {
            self.ground.bus.come_back();
        }
        if self.database_back_at <= now {
            self.ground.database().is_away = false;
        }
        for writer in &mut self.writers {
            if writer.starts_at.is_some_and(|at| at <= now) {
                *writer = Process::start(&self.ground);
            }
        }
    }

    /// Writes, and whatever the weather brings.
    fn suffer(&mut self) {
        let weather = *self.ground.weather();
        let steps = 200;
        if self.ground.happens(weather.writes * 1000 / steps) {
            self.write();
        }
        if self.ground.happens(weather.faults * 100 / steps) {
            let fault = weather.fault(&mut self.ground.random());
            if let Some(fault) = fault.filter(|fault| !fault.forgets() || !self.is_doubtful()) {
                self.ground.note(|| format!("FAULT {fault:?}"));
                self.strike(fault);
            }
        }
        if self.ground.happens(5) {
            self.checkpoint = Some(self.ground.bus.checkpoint());
        }
    }

    fn write(&mut self) {
        let (writer, key, deletes) = {
            let mut random = self.ground.random();
            let writer = random.usize(..self.writers.len());
            (writer, random.u8(..KEYS), random.u8(..3) == 0)
        };
        self.writers[writer].write(key, deletes, self.acknowledge.clone());
    }

    fn strike(&mut self, fault: Fault) {
        let now = self.ground.now();
        let (some, writer, reader, key) = {
            let mut random = self.ground.random();
            (
                Duration::from_millis(random.u64(10..3000)),
                random.usize(..self.writers.len()),
                random.usize(..self.readers.len()),
                random.u8(..KEYS),
            )
        };
        let until = now + some;
        let bus = self.ground.bus.clone();
        match fault {
            Fault::CutReader => self.readers[reader].cut(until),
            Fault::DeafenReader => self.readers[reader].deafen(until),
            Fault::RestartReader => {
                let file = self.readers[reader].left_behind();
                self.readers[reader] = self.new_reader(file);
            }
            Fault::BusAway => {
                bus.go_away();
                self.bus_back_at = until;
            }
            Fault::LoseEverything => bus.lose_everything(),
            Fault::LoseMeta => bus.lose_meta(),
            Fault::LoseBucket => bus.lose_bucket(u32::from(key) % 4),
            Fault::LoseDocument => {
                bus.lose_document(&resource(key));
                self.ground.weather().damage(key);
            }
            Fault::LoseLastWrites => {
                if let Some(checkpoint) = &self.checkpoint {
                    bus.roll_back(checkpoint);
                }
            }
            Fault::StallWriter => self.writers[writer].stall(until),
            Fault::StallPublishing => self.writers[writer].stall_publishing(until + some),
            Fault::KillWriter => self.writers[writer].kill(until),
            Fault::DatabaseAway => {
                self.ground.database().is_away = true;
                self.database_back_at = until;
            }
            Fault::Restore => {
                let lost = 1 + u64::from(key);
                let is_told = self.ground.weather().restores_told || !self.is_remembered(lost);
                self.ground.database().restore(lost, is_told);
            }
        }
    }

    /// Whether the bus knows of a change that would be lost: so that a restoration of which nobody
    /// is told can be noticed at all.
    fn is_remembered(&self, lost: u64) -> bool {
        let meta = self.ground.bus.meta().now_or_never();
        let tip = self.ground.database().current.tip().position;
        let left = tip.sequence.0.saturating_sub(lost);
        meta.and_then(Result::ok).flatten().is_some_and(|meta| {
            meta.complete && meta.epoch == tip.epoch && left < meta.published_through.0
        })
    }

    /// Whether a restoration has not been noticed yet. What remembers the lost changes must not be
    /// lost as well: two sides that share nothing cannot know of each other.
    fn is_doubtful(&self) -> bool {
        let database = self.ground.database();
        database.doubtful.contains(&database.current.epoch)
    }

    fn heal(&mut self) {
        self.ground.note(|| "HEALED".to_owned());
        self.ground.weather().clear();
        self.bus_back_at = Duration::ZERO;
        self.database_back_at = Duration::ZERO;
        for writer in &mut self.writers {
            writer.stall(Duration::ZERO);
            if writer.starts_at.is_some() {
                writer.starts_at = Some(Duration::ZERO);
            }
        }
        for reader in &mut self.readers {
            reader.heal();
        }
    }
}
