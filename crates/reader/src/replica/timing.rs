//! How long the machine waits for what.

use std::time::Duration;

/// The delays of [`super::Replica`]. All are of the reader's own monotonic clock.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Timing {
    /// How old a hole may grow before a replay is asked for. Default 100 ms.
    pub hole_patience: Duration,
    /// How long after a heartbeat its head must be reached. Default 250 ms.
    pub head_patience: Duration,
    /// How long the feed may be silent before the connection is given up. Default 1 s: four
    /// heartbeats.
    pub silence_max: Duration,
    /// How often a nonce is left. Default 250 ms.
    pub probe_interval: Duration,
    /// How long the bus may confirm nothing before a writer is asked, where there is one. Default
    /// 600 ms: a working bus confirms what is at most a probe and a heartbeat old.
    pub bus_patience: Duration,
    /// How long the start waits for a source's snapshot before a local one is read. Default 1 s: a
    /// bus that is there has begun to answer, and a writer was asked.
    pub local_patience: Duration,
    /// How often a writer is asked while the bus confirms nothing. Default 200 ms.
    pub poll_interval: Duration,
    /// How often a bucket is scrubbed. Default 1 s.
    pub scrub_interval: Duration,
    /// How often tombstones are forgotten. Default 5 s.
    pub tombstone_interval: Duration,
    /// Pause after a replay that brought nothing. Default 100 ms.
    pub replay_pause: Duration,
    /// The first delay after a failure; it doubles up to [`Self::retry_max`]. Default 50 ms.
    pub retry_min: Duration,
    /// The longest delay after a failure. Default 1 s.
    pub retry_max: Duration,
    /// Hydrations after the first begin at a random time within this, so that a fleet does not
    /// ask all at once. Default 500 ms.
    pub hydrate_jitter: Duration,
}

impl Timing {
    /// The defaults above.
    pub const DEFAULT: Self = Self {
        hole_patience: Duration::from_millis(100),
        head_patience: Duration::from_millis(250),
        silence_max: Duration::from_secs(1),
        probe_interval: Duration::from_millis(250),
        bus_patience: Duration::from_millis(600),
        local_patience: Duration::from_secs(1),
        poll_interval: Duration::from_millis(200),
        scrub_interval: Duration::from_secs(1),
        tombstone_interval: Duration::from_secs(5),
        replay_pause: Duration::from_millis(100),
        retry_min: Duration::from_millis(50),
        retry_max: Duration::from_secs(1),
        hydrate_jitter: Duration::from_millis(500),
    };

    /// The delay after the given number of failures in a row, without jitter; none after none.
    pub(super) fn retry_delay(&self, failures: u32) -> Duration {
        match failures.checked_sub(1) {
            None => Duration::ZERO,
            Some(doublings) => self
                .retry_min
                .saturating_mul(1 << doublings.min(16))
                .min(self.retry_max),
        }
    }
}
