//! How long changes take from the database to this reader.
//!
//! Measured is from the time that the database gave a change, under the feed lock and so before its
//! commit's flush, until reads are answered with it here. Both ends are read on one clock, the
//! database's: heartbeats tell it, and the reader's monotonic clock goes on from the one that took
//! the least time to come (`catalog/clock`). No wall clock of this machine is asked.
//!
//! What that least time was is missing from every value, because a heartbeat cannot tell how long ago
//! it was made. Most of it is known: half of the quickest probe's round trip, which is the way from the
//! bus to here, is added. What is left is from the database through the leader to the bus, so values are too
//! small by that: less than a millisecond where these three are in one place.
//!
//! What a hydration, a scrub or a local snapshot brings is not counted, nor what was committed before this
//! process began to follow: nobody waited for it here.

use std::time::Duration;

use shared::Timestamp;
use telemetry::metrics::DurationHistogram;

#[derive(Debug)]
pub(crate) struct Propagation {
    durations: DurationHistogram,
    /// Of the quickest probe over the connection there is. `None` before the first.
    round_trip: Option<Duration>,
}

impl Propagation {
    pub(crate) fn new(durations: DurationHistogram) -> Self {
        let round_trip = None;
        Self {
            durations,
            round_trip,
        }
    }

    /// The way to the bus may be another from now on.
    pub(crate) fn reconnects(&mut self) {
        self.round_trip = None;
    }

    /// A probe was answered after this time.
    pub(crate) fn probed(&mut self, took: Duration) {
        let quickest = self.round_trip.unwrap_or(Duration::MAX);
        self.round_trip = Some(quickest.min(took));
    }

    /// A change of `updated_at` is served from now on, at this time in the database as far as
    /// heartbeats have told; this process follows for `followed`.
    pub(crate) fn served(
        &self,
        updated_at: Timestamp,
        database_time: Option<Timestamp>,
        followed: Duration,
    ) {
        let Some(told) = database_time else {
            return;
        };
        // What overtakes the quickest heartbeat has taken no time that could be measured.
        let micros = told.0.saturating_sub(updated_at.0).max(0).unsigned_abs();
        let way = self.round_trip.unwrap_or_default() / 2;
        let took = Duration::from_micros(micros) + way;
        if took <= followed {
            self.durations.record(took);
        }
    }
}
