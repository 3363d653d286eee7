//! What time it is in the database.
//!
//! Expiry is judged by the database's clock, whatever the reader's own says: heartbeats tell it,
//! and the reader's monotonic clock goes on from there. A heartbeat that took long tells an earlier
//! time than it is; so the clock is set forward at once, and back only where every heartbeat for
//! [`SET_BACK_AFTER`] agreed that it is earlier: the database's clock was set, or another database
//! leads now. A late heartbeat thus makes no expired document appear again.
//!
//! Before the first one there may be a guess, by this machine's wall clock. Nobody trusts that, so
//! the first heartbeat takes its place whatever it tells.

use std::{
    sync::atomic::{AtomicI64, Ordering},
    time::Duration,
};

use shared::Timestamp;
use tokio::time::Instant;

use super::{Catalog, Lookup};
use crate::entry::Entry;

/// How long heartbeats have to tell an earlier time before they are believed.
const SET_BACK_AFTER: Duration = Duration::from_secs(10);

/// The offset before any heartbeat.
const UNKNOWN: i64 = i64::MIN;

/// Read by every thread that serves; a monotonic clock and a relaxed load.
#[derive(Debug)]
pub(super) struct Clock {
    origin: Instant,
    /// Database time at `origin`, in microseconds.
    offset: AtomicI64,
}

impl Clock {
    pub(super) fn new() -> Self {
        Self {
            origin: Instant::now(),
            offset: AtomicI64::new(UNKNOWN),
        }
    }

    /// `None` before the first heartbeat.
    pub(super) fn now(&self) -> Option<Timestamp> {
        let offset = self.offset.load(Ordering::Relaxed);
        (offset != UNKNOWN).then(|| Timestamp(offset.saturating_add(self.elapsed_micros())))
    }

    fn elapsed_micros(&self) -> i64 {
        i64::try_from(self.origin.elapsed().as_micros()).unwrap_or(i64::MAX)
    }
}

/// Sets the clock. There is one, beside the catalog's writing end.
#[derive(Debug, Default)]
pub(super) struct Setter {
    earlier: Option<Earlier>,
    /// Whether the clock shows what nobody has told.
    is_guess: bool,
}

/// What heartbeats told since the last one that agreed with the clock or was ahead of it.
#[derive(Debug, Clone, Copy)]
struct Earlier {
    since: Instant,
    /// The latest of their offsets.
    offset: i64,
}

impl Setter {
    /// It may be this time now. Changes nothing once a heartbeat has told.
    pub(super) fn guess(&mut self, clock: &Clock, guessed: Timestamp) {
        if self.is_guess || clock.now().is_none() {
            self.is_guess = true;
            let offset = guessed.0.saturating_sub(clock.elapsed_micros());
            clock.offset.store(offset, Ordering::Relaxed);
        }
    }

    /// A heartbeat has told this time just now.
    pub(super) fn hear(&mut self, clock: &Clock, told: Timestamp) {
        let offset = told.0.saturating_sub(clock.elapsed_micros());
        let was_guess = std::mem::take(&mut self.is_guess);
        if was_guess || clock.offset.load(Ordering::Relaxed) <= offset {
            self.earlier = None;
            clock.offset.store(offset, Ordering::Relaxed);
            return;
        }
        let now = Instant::now();
        let earlier = self.earlier.get_or_insert(Earlier { since: now, offset });
        earlier.offset = earlier.offset.max(offset);
        if SET_BACK_AFTER <= now - earlier.since {
            clock.offset.store(earlier.offset, Ordering::Relaxed);
            self.earlier = None;
        }
    }
}

impl Catalog {
    /// A hit, unless it is one no more.
    #[inline]
    pub(super) fn unless_expired(&self, entry: Entry) -> Lookup {
        let Some(at) = entry.expires_at() else {
            return Lookup::Hit(entry);
        };
        match self.database_time() {
            Some(now) if now < at => Lookup::Hit(entry),
            Some(_) => Lookup::Absent,
            None => Lookup::NotReady,
        }
    }

    /// The database's time as heartbeats have told it, gone on by the monotonic clock. `None`
    /// before the first.
    pub fn database_time(&self) -> Option<Timestamp> {
        self.0.clock.now()
    }
}
