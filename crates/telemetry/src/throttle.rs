//! Log lines that would come many times a second.

use std::{
    sync::{Mutex, MutexGuard, PoisonError},
    time::{Duration, Instant},
};

/// Lets the first of many lines alike through, and then one in each interval.
#[derive(Debug)]
pub struct Throttle {
    interval: Duration,
    state: Mutex<State>,
}

#[derive(Debug)]
struct State {
    /// When the last line was let through; `None` before the first.
    last: Option<Instant>,
    /// Lines kept back since.
    unlogged: u64,
}

impl Throttle {
    /// One that has let nothing through.
    pub const fn new(interval: Duration) -> Self {
        Self {
            interval,
            state: Mutex::new(State {
                last: None,
                unlogged: 0,
            }),
        }
    }

    /// Whether to log a line now; then with how many were kept back since the last.
    pub fn admit(&self, now: Instant) -> Option<u64> {
        let mut state = self.lock();
        let is_early = |last: Instant| now.saturating_duration_since(last) < self.interval;
        if state.last.is_some_and(is_early) {
            state.unlogged += 1;
            return None;
        }
        state.last = Some(now);
        Some(std::mem::take(&mut state.unlogged))
    }

    /// What was complained of is over, so that the next line is a first one again. Where any was
    /// let through, with how many were kept back since the last.
    pub fn reset(&self) -> Option<u64> {
        let mut state = self.lock();
        state.last.take()?;
        Some(std::mem::take(&mut state.unlogged))
    }

    /// Nothing panics halfway through a change.
    fn lock(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
