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
    /// Connections that speak HTTP/2 now.
    pub http2_active: Count,
    /// Requests open over HTTP/2 now.
    pub http2_requests: Count,
    /// Connections over the cap or over that of HTTP/2, and requests over that of HTTP/2.
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

    /// Adds one, unless there are so many already.
    fn add_below(&self, max: usize) -> bool {
        let one_more = |count: u64| (count < max as u64).then_some(count + 1);
        let (order, read) = (Ordering::Relaxed, Ordering::Relaxed);
        self.0.fetch_update(order, read, one_more).is_ok()
    }

    fn subtract(&self) {
        self.0.fetch_sub(1, Ordering::Relaxed);
    }
}

/// Counts one of what there may only be so many, until dropped.
pub(super) struct Held {
    counters: Arc<ServerCounters>,
    which: fn(&ServerCounters) -> &Count,
}

impl Held {
    /// `None` where there are `max` already.
    pub(super) fn one(
        counters: Arc<ServerCounters>,
        which: fn(&ServerCounters) -> &Count,
        max: usize,
    ) -> Option<Self> {
        if which(&counters).add_below(max) {
            Some(Self { counters, which })
        } else {
            None
        }
    }
}

impl Drop for Held {
    fn drop(&mut self) {
        (self.which)(&self.counters).subtract();
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
