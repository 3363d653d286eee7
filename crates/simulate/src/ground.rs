//! What all parts of one world share, and the gate through which each writer reaches it.

use std::{
    sync::{Arc, Mutex, MutexGuard, PoisonError},
    time::Duration,
};

use bus::MemoryBus;
use shared::Link;
use tokio::time::{Instant, sleep};

use crate::{Rules, database::Database, weather::Weather};

/// The ground on which writers and readers stand. All randomness of a world comes from here.
#[derive(Debug)]
pub(crate) struct Ground {
    pub(crate) rules: Rules,
    pub(crate) bus: MemoryBus,
    weather: Mutex<Weather>,
    database: Mutex<Database>,
    random: Mutex<fastrand::Rng>,
    started: Instant,
    trace: Option<Mutex<Vec<String>>>,
}

impl Ground {
    pub(crate) fn new(seed: u64, rules: Rules, is_traced: bool) -> Self {
        let mut random = fastrand::Rng::with_seed(seed);
        let weather = Weather::draw(&mut random);
        // So that the log's end, every 1,024 slots, is crossed at some time.
        let base = 1024 - random.u64(1..80);
        let base_link = Link(random.u64(1..));
        Self {
            rules,
            bus: MemoryBus::with_log_segments(1),
            weather: Mutex::new(weather),
            database: Mutex::new(Database::new(rules, base, base_link)),
            random: Mutex::new(random),
            started: Instant::now(),
            trace: is_traced.then(Mutex::default),
        }
    }

    /// The time since the world began.
    pub(crate) fn now(&self) -> Duration {
        self.started.elapsed()
    }

    pub(crate) fn database(&self) -> MutexGuard<'_, Database> {
        lock(&self.database)
    }

    pub(crate) fn random(&self) -> MutexGuard<'_, fastrand::Rng> {
        lock(&self.random)
    }

    pub(crate) fn weather(&self) -> MutexGuard<'_, Weather> {
        lock(&self.weather)
    }

    /// Whether something happens that does so this many times in a thousand.
    pub(crate) fn happens(&self, per_mille: u32) -> bool {
        0 < per_mille && self.random().u32(..1000) < per_mille
    }

    /// A delay on the network: mostly none to speak of.
    pub(crate) fn delay(&self) -> Duration {
        let Weather { delay_ms, slow, .. } = *self.weather();
        let range = if self.happens(slow) { delay_ms } else { 4 };
        Duration::from_millis(self.random().u64(..range))
    }

    pub(crate) fn note(&self, what: impl FnOnce() -> String) {
        if let Some(trace) = &self.trace {
            let line = format!("{:>9.3} {}", self.now().as_secs_f64(), what());
            lock(trace).push(line);
        }
    }

    pub(crate) fn take_trace(&self) -> Vec<String> {
        self.trace
            .as_ref()
            .map(|trace| std::mem::take(&mut *lock(trace)))
            .unwrap_or_default()
    }
}

/// One thread has it all: nobody else can have left it half done.
fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

/// A writer process' way to database and bus: it takes time, and stands still while the process
/// does.
#[derive(Debug)]
pub(crate) struct Gate {
    pub(crate) ground: Arc<Ground>,
    stalled_until: Mutex<Duration>,
}

/// What was asked is not done, or its answer is lost.
#[derive(Debug)]
pub(crate) struct Lost;

impl Gate {
    pub(crate) fn new(ground: Arc<Ground>) -> Self {
        Self {
            ground,
            stalled_until: Mutex::default(),
        }
    }

    pub(crate) fn stall(&self, until: Duration) {
        *lock(&self.stalled_until) = until;
    }

    /// On the way, there or back.
    pub(crate) async fn pass(&self) -> Result<(), Lost> {
        let delay = self.ground.delay();
        if !delay.is_zero() {
            sleep(delay).await;
        }
        loop {
            let left = lock(&self.stalled_until).saturating_sub(self.ground.now());
            if left.is_zero() {
                break;
            }
            sleep(left).await;
        }
        let lose = self.ground.weather().lose_request;
        if self.ground.happens(lose) {
            return Err(Lost);
        }
        Ok(())
    }
}
