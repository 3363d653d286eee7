//! The bus within one process.
//!
//! Carries the embedded mode, and the tests of writer and reader. Behaves as the Redis scripts
//! do, check by check; it does no I/O and reads no clock. What it holds shares the allocations
//! that the writer hands in, so embedded mode holds each envelope once.

mod compare;
mod contents;
mod faults;
mod follow;
mod publish;
mod rebuild;
mod replay;

use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use shared::FeedMessage;

use crate::{
    BusError, FeedEvent,
    limits::LOG_SEGMENTS,
    subscription::{Cut, FeedSender},
};
use contents::Contents;
pub use faults::Checkpoint;

/// The in-process bus: both sides of the seam over one shared state. Cheap to clone; clones are
/// handles of the same bus.
#[derive(Debug, Clone)]
pub struct MemoryBus {
    state: Arc<Mutex<State>>,
    log_segments: u64,
}

#[derive(Debug, Default)]
struct State {
    contents: Contents,
    subscriptions: Vec<FeedSender>,
    availability: Availability,
    /// One more after each outage and failover: connections from before are dead.
    generation: u64,
}

/// Whether operations are answered.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
enum Availability {
    #[default]
    Here,
    Away,
}

impl Default for MemoryBus {
    fn default() -> Self {
        Self::with_log_segments(LOG_SEGMENTS)
    }
}

impl MemoryBus {
    /// An empty bus.
    pub fn new() -> Self {
        Self::default()
    }

    /// An empty bus whose log keeps `log_segments` segments of 1,024 slots; at least 1.
    pub fn with_log_segments(log_segments: u64) -> Self {
        Self {
            state: Arc::default(),
            log_segments: log_segments.max(1),
        }
    }

    /// The state, unless the bus is away. Held for no longer than one operation.
    fn state(&self) -> Result<MutexGuard<'_, State>, BusError> {
        let state = self.lock();
        match state.availability {
            Availability::Here => Ok(state),
            Availability::Away => Err(BusError::Away),
        }
    }

    fn lock(&self) -> MutexGuard<'_, State> {
        // Each operation checks first and then only assigns, so a panic leaves no half of it.
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl State {
    /// Ends subscriptions, and snapshots that are being read.
    fn end_connections(&mut self) {
        self.subscriptions.clear();
        self.generation += 1;
    }

    /// Hands a message to every subscription and drops those that did not keep up.
    fn send(&mut self, message: &FeedMessage, octets: usize) {
        self.subscriptions.retain(|subscription| {
            match subscription.send(FeedEvent::Message(message.clone()), octets) {
                Ok(()) => true,
                Err(Cut::Gone) => false,
                Err(Cut::Overflow) => {
                    tracing::warn!("a follower did not keep up: its subscription is cut off");
                    false
                }
            }
        });
    }
}
