//! Which documents are asked for most, from a sample of the reads of the last minutes.
//!
//! Each lane looks at one read in [`SAMPLED_ONE_IN`], at random distances, so that clients which ask in
//! turn are seen as they are. It counts in a sketch of its own (space-saving, Metwally and others 2005):
//! [`PLACES`] keys; a key that has no place takes that of the one with the fewest counts, and those counts
//! as its own error. So whatever has more than one in [`PLACES`] of the samples is in it, and no count is
//! too low. Every [`HALVED_EVERY`] all counts are halved: what was read long ago fades.
//!
//! The admin plane adds the sketches up. A lane never waits for it: while it looks, a sample is lost.
//!
//! # Budget
//!
//! Of a read that is not sampled, three instructions; of one that is, some hundreds, a look at the clock and no
//! allocation. A sketch keeps 23 KiB.

use std::{
    collections::HashMap,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
    time::{Duration, Instant},
};

use serde::Serialize;
use shared::limits::{COLLECTION_BYTES_MAX, ID_BYTES_MAX};

use crate::catalog::KeyRef;

/// Reads for each one that is looked at, on average.
pub const SAMPLED_ONE_IN: u32 = 256;

/// Keys that a sketch holds.
pub const PLACES: usize = 64;

/// Keys that are told of, at most.
pub const TOLD_MAX: usize = 20;

/// How often counts are halved, so that what was read in the last minute or two counts most.
pub const HALVED_EVERY: Duration = Duration::from_mins(1);

/// Octets of a key, at most.
const KEY_BYTES_MAX: usize = COLLECTION_BYTES_MAX + 1 + ID_BYTES_MAX;

/// One thread's sketch, or one that some threads share. Cloning it shares it.
#[derive(Debug, Clone, Default)]
pub struct HotKeys(Arc<Mutex<Sketch>>);

/// Draws the reads of one thread that are looked at.
#[derive(Debug)]
pub(crate) struct Sampler {
    keys: HotKeys,
    /// Reads until the next one that is looked at, itself among them.
    left: u32,
}

/// What several sketches say together.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Hottest {
    /// Reads for each sample, on average.
    pub sampled_one_in: u32,
    /// How often samples are halved, in seconds.
    pub halved_every_seconds: u64,
    /// Samples of all keys.
    pub samples: u64,
    /// The hottest first, at most [`TOLD_MAX`].
    pub keys: Vec<HotKey>,
}

/// One of the hottest documents.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct HotKey {
    /// `collection/id`, as it was asked for. There need not be such a document.
    pub key: String,
    /// Samples. Too few only where a lane had no place for it.
    pub samples: u64,
    /// By how many these may be too many.
    pub samples_error: u64,
    /// What part of all samples it has at least, 0 to 1.
    pub share: f64,
}

#[derive(Debug)]
struct Sketch {
    /// Those without counts hold nothing.
    places: Box<[Place]>,
    samples: u64,
    halved_at: Instant,
}

#[derive(Debug)]
struct Place {
    key: Vec<u8>,
    count: u64,
    /// Of `count`, what may be other keys'.
    error: u64,
}

impl Sampler {
    pub(crate) fn new(keys: HotKeys) -> Self {
        Self {
            keys,
            left: distance(),
        }
    }

    /// A read of this key.
    #[inline]
    pub(crate) fn pass(&mut self, key: KeyRef<'_>) {
        self.left -= 1;
        if self.left == 0 {
            self.left = distance();
            self.keys.sample(key);
        }
    }
}

impl HotKeys {
    /// A read of this key, on a thread without a [`Sampler`].
    pub(crate) fn pass(&self, key: KeyRef<'_>) {
        if fastrand::u32(..SAMPLED_ONE_IN) == 0 {
            self.sample(key);
        }
    }

    #[cold]
    fn sample(&self, key: KeyRef<'_>) {
        if let Ok(mut sketch) = self.0.try_lock() {
            sketch.fade(Instant::now());
            sketch.add(key.octets());
        }
    }

    /// What these say together.
    pub fn hottest<'a>(all: impl IntoIterator<Item = &'a Self>, now: Instant) -> Hottest {
        let mut samples = 0;
        let mut counts = HashMap::<Vec<u8>, (u64, u64)>::new();
        for one in all {
            let mut sketch = one.lock();
            sketch.fade(now);
            samples += sketch.samples;
            for place in sketch.places.iter().filter(|place| place.count > 0) {
                let (count, error) = counts.entry(place.key.clone()).or_default();
                *count += place.count;
                *error += place.error;
            }
        }
        let mut counts: Vec<_> = counts.into_iter().collect();
        counts.sort_unstable_by(|(key, one), (other, two)| (two.0, key).cmp(&(one.0, other)));
        let told = counts.into_iter().take(TOLD_MAX);
        Hottest {
            sampled_one_in: SAMPLED_ONE_IN,
            halved_every_seconds: HALVED_EVERY.as_secs(),
            samples,
            keys: told
                .map(|(key, (count, error))| HotKey {
                    key: String::from_utf8_lossy(&key).into_owned(),
                    samples: count,
                    samples_error: error,
                    share: ratio(count - error, samples),
                })
                .collect(),
        }
    }

    /// Holds the admin plane's end.
    #[cfg(test)]
    pub(crate) fn looking(&self) -> impl Drop {
        self.lock()
    }

    /// What a panic leaves is a count that is a little wrong.
    fn lock(&self) -> MutexGuard<'_, Sketch> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Default for Sketch {
    fn default() -> Self {
        let place = || Place {
            key: Vec::with_capacity(KEY_BYTES_MAX),
            count: 0,
            error: 0,
        };
        Self {
            places: std::iter::repeat_with(place).take(PLACES).collect(),
            samples: 0,
            halved_at: Instant::now(),
        }
    }
}

impl Sketch {
    fn add(&mut self, (collection, id): (&[u8], &[u8])) {
        self.samples += 1;
        let is_it = |place: &&mut Place| {
            let key = place.key.strip_prefix(collection);
            key.and_then(|key| key.strip_prefix(b"/")) == Some(id)
        };
        if let Some(place) = self.places.iter_mut().find(is_it) {
            place.count += 1;
            return;
        }
        if let Some(place) = self.places.iter_mut().min_by_key(|place| place.count) {
            place.error = place.count;
            place.count += 1;
            place.key.clear();
            for part in [collection, b"/", id] {
                place.key.extend_from_slice(part);
            }
        }
    }

    /// Halves as often as is due.
    fn fade(&mut self, now: Instant) {
        let passed = now.saturating_duration_since(self.halved_at).as_secs();
        let times = passed / HALVED_EVERY.as_secs();
        if times == 0 {
            return;
        }
        self.halved_at += HALVED_EVERY * u32::try_from(times).unwrap_or(u32::MAX);
        let half = |count: u64| count.checked_shr(times.try_into().unwrap_or(u32::MAX));
        let half = |count| half(count).unwrap_or(0);
        self.samples = half(self.samples);
        for place in &mut *self.places {
            place.count = half(place.count);
            place.error = half(place.error);
        }
    }
}

/// From one sample to the next: [`SAMPLED_ONE_IN`] on average, never 0.
fn distance() -> u32 {
    fastrand::u32(1..2 * SAMPLED_ONE_IN)
}

#[expect(
    clippy::cast_precision_loss,
    reason = "a share needs no more digits than a double has"
)]
fn ratio(part: u64, whole: u64) -> f64 {
    part as f64 / whole.max(1) as f64
}
