//! Many worlds, side by side on all cores: each by itself on one thread.

use std::{
    num::NonZeroUsize,
    ops::Range,
    sync::{
        Mutex, PoisonError,
        atomic::{AtomicU64, Ordering},
    },
    thread,
    time::Duration,
};

use crate::{Detail, Rules, simulate};

/// What came of many worlds.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Report {
    /// Worlds in which a promise was broken, by seed, with the promise.
    pub broken: Vec<(u64, String)>,
    /// The longest time from the last fault until all readers were equal to the database, over all
    /// worlds in which the bus lost no document silently.
    pub converged_within: Duration,
    /// The same over the others, which a comparison and a scrub mend.
    pub mended_within: Duration,
}

/// Runs a world for each seed.
pub fn campaign(seeds: Range<u64>, rules: Rules) -> Report {
    let next = AtomicU64::new(seeds.start);
    let report = Mutex::new(Report::default());
    let threads = thread::available_parallelism().map_or(1, NonZeroUsize::get);
    thread::scope(|scope| {
        for _ in 0..threads {
            scope.spawn(|| {
                loop {
                    let seed = next.fetch_add(1, Ordering::Relaxed);
                    if seeds.end <= seed {
                        break;
                    }
                    let ending = simulate(seed, rules, Detail::Ending);
                    let mut report = report.lock().unwrap_or_else(PoisonError::into_inner);
                    report.take(seed, ending);
                }
            });
        }
    });
    let mut report = report.into_inner().unwrap_or_else(PoisonError::into_inner);
    report.broken.sort();
    report
}

impl Report {
    fn take(&mut self, seed: u64, ending: crate::Ending) {
        let slowest = if ending.was_damaged {
            &mut self.mended_within
        } else {
            &mut self.converged_within
        };
        match ending.broken {
            Some(broken) => self.broken.push((seed, broken)),
            None => *slowest = (*slowest).max(ending.converged_after),
        }
    }
}
