//! What happened to connections.

use std::sync::{
    Arc,
    atomic::{AtomicU64, Ordering},
};

/// Counters of a server, over all its listeners, since the process began. Touched once or twice
/// per connection, never per request.
#[derive(Debug, Default)]
pub struct ServerCounters {
    /// Connections taken from the kernel.
    pub accepted: Count,
    /// Connections open now, those over the cap left out.
    pub active: Count,
    /// Connections over the cap.
    pub rejected: Count,
    /// Connections ended because a client was too slow, with its head, its content or its
    /// reading. Idle connections that ran out of time do not count.
    pub timed_out: Count,
    /// Connections ended by a request that is not HTTP, or whose head is too large.
    pub malformed: Count,
    /// Connections that were still busy when the grace period ended.
    pub cut_off: Count,
    /// Failed accepts, such as for want of file descriptors.
    pub accept_errors: Count,
}

/// One counter.
#[derive(Debug, Default)]
pub struct Count(AtomicU64);

impl Count {
    /// The count now.
    pub fn get(&self) -> u64 {
        self.0.load(Ordering::Relaxed)
    }

    pub(super) fn add(&self) {
        self.add_many(1);
    }

    pub(super) fn add_many(&self, number: u64) {
        self.0.fetch_add(number, Ordering::Relaxed);
    }

    fn subtract(&self) {
        self.0.fetch_sub(1, Ordering::Relaxed);
    }
}

/// Counts a connection as active until dropped.
#[derive(Debug)]
pub(super) struct Active(Arc<ServerCounters>);

impl Active {
    pub(super) fn count(counters: Arc<ServerCounters>) -> Self {
        counters.active.add();
        Self(counters)
    }
}

impl Drop for Active {
    fn drop(&mut self) {
        self.0.active.subtract();
    }
}
