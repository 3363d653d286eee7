//! How long a batch waits for the clients that were just answered.
//!
//! A client that writes again and again does so as soon as it is answered, so its next write comes
//! a moment after the next batch has left. Two halves of the clients then take turns: each batch
//! has half of the writes that it could have, and each write waits for two commits. What a commit
//! costs is mostly its flush, whatever it holds, so waiting that moment makes almost twice as many
//! writes a second.
//!
//! Nobody waits long for clients that do not come back: a gathering ends as soon as all did, after
//! the last commit's time at most (beyond it, two commits are cheaper), and after half as much each
//! time that they did not come. A lone client never waits, because its own write is all that is
//! awaited.

use std::time::Duration;

use tokio::time::Instant;

use crate::store::BATCH_MAX;

/// Upper bound on a gathering.
const GATHERING_MAX: Duration = Duration::from_millis(10);

/// A gathering that would be shorter is not worth it: timers are no finer than a millisecond.
const GATHERING_MIN: Duration = Duration::from_micros(250);

/// How often a gathering in vain halves the time of the next. So a commit's sixteenth is what is
/// still spent to notice that clients come back again.
const DOUBTS_MAX: u32 = 4;

/// What a batch waits for. Without one begun, for nothing.
#[derive(Debug, Default)]
pub(super) struct Gathering {
    begun: Option<Begun>,
    /// Gatherings in vain, in a row, [`DOUBTS_MAX`] at most.
    doubts: u32,
    /// The last batch left as many writes behind as it took, or more: many write to few documents,
    /// or faster than batches can be, and the next one has its writes already.
    is_backlogged: bool,
}

#[derive(Debug)]
struct Begun {
    /// It is complete with as many writes.
    writes: usize,
    /// So many of those at least make it worth its time.
    worth: usize,
    until: Instant,
}

impl Gathering {
    /// Awaits the clients of as many writes, `answered` after a commit that took so long, beside
    /// the writes that wait already.
    pub(super) fn begin(&mut self, waiting: usize, answered: usize, now: Instant, took: Duration) {
        let lasts = took.min(GATHERING_MAX) / 2_u32.pow(self.doubts);
        self.begun = None;
        if !self.is_backlogged && GATHERING_MIN <= lasts {
            self.begun = Some(Begun {
                writes: (waiting + answered).min(BATCH_MAX),
                worth: (waiting + answered.div_ceil(2)).min(BATCH_MAX),
                until: now + lasts,
            });
        }
    }

    /// Whether these are all that the batch waits for.
    pub(super) fn is_complete(&self, waiting: usize) -> bool {
        self.begun
            .as_ref()
            .is_none_or(|begun| begun.writes <= waiting)
    }

    /// Until when to wait for more than these; `None` where there is no reason to.
    pub(super) fn until(&self, waiting: usize, now: Instant) -> Option<Instant> {
        self.begun
            .as_ref()
            .filter(|begun| waiting < begun.writes && now < begun.until)
            .map(|begun| begun.until)
    }

    /// A batch was taken of these, and some may be left.
    pub(super) fn end(&mut self, waiting: usize, left: usize) {
        self.is_backlogged = waiting <= 2 * left;
        if let Some(begun) = self.begun.take() {
            self.doubts = if begun.worth <= waiting {
                0
            } else {
                (self.doubts + 1).min(DOUBTS_MAX)
            };
        }
    }
}
