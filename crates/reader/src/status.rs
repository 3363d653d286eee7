//! What a reader says of itself: written by whoever follows the feed, read by the admin plane.

use std::{
    sync::{Arc, Mutex, MutexGuard, PoisonError},
    time::Duration,
};

use serde::{Deserialize, Serialize};
use shared::{Position, Sequence, codec::FORMAT};
use telemetry::metrics::DurationHistogram;
use tokio::time::Instant;

use crate::{catalog::Catalog, replica::Unready};

/// The JSON schema of `/status`, which is a promise: fields are added, never changed or removed.
pub const STATUS_SCHEMA: &str = include_str!("http/status.schema.json");

/// How following stands. Written whole; times and catalog counts are added when it is read.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Progress {
    /// Everything up to here is applied. `None` until hydrated.
    pub position: Option<Position>,
    /// The database's head, as last heard. `None` until heard.
    pub head: Option<Position>,
    /// When something was last sent whose answer showed that nothing committed before it is
    /// missing here. `None` until then.
    pub confirmed_at: Option<Instant>,
    /// The state of the follow state machine, in one word.
    pub state: &'static str,
    /// Where changes come from now: `redis`, `memory` or `writer`; `local` from a start with
    /// the local snapshot until a source confirms.
    pub source: &'static str,
    /// Why reads are not answered. `None` where they are.
    pub unready: Option<Unready>,
    /// Hydrations completed since the start.
    pub hydrations: u64,
    /// Gaps met in the feed since the start, reconnects and overflows among them.
    pub gaps: u64,
    /// Gaps of the reader's own making since the start: nothing came over a subscription, as while
    /// no writer leads.
    pub silences: u64,
    /// Replays completed since the start.
    pub replays: u64,
    /// Envelopes that could not be decoded since the start.
    pub undecodable: u64,
    /// Polls that a writer answered since the start.
    pub polls: u64,
    /// Buckets scrubbed since the start.
    pub scrubs: u64,
    /// Documents that scrubs have changed since the start.
    pub repairs: u64,
    /// While the local snapshot is all there is: how old that is, if that is known.
    pub snapshot_age: Option<Age>,
}

/// An age as of an instant.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Age {
    /// How old it was.
    pub age: Duration,
    /// At this instant.
    pub at: Instant,
}

impl Age {
    /// How old it is.
    pub fn now(self, now: Instant) -> Duration {
        let since = now.saturating_duration_since(self.at);
        self.age.saturating_add(since)
    }
}

impl Progress {
    /// Nothing known yet, in this state, from this source.
    pub fn new(state: &'static str, source: &'static str) -> Self {
        Self {
            position: None,
            head: None,
            confirmed_at: None,
            state,
            source,
            unready: Some(Unready::Behind),
            hydrations: 0,
            gaps: 0,
            silences: 0,
            replays: 0,
            undecodable: 0,
            polls: 0,
            scrubs: 0,
            repairs: 0,
            snapshot_age: None,
        }
    }

    /// How many changes are missing here, as far as the head is known. `None` where position or
    /// head is unknown, or where they are of two epochs and cannot be compared.
    pub fn lag(&self) -> Option<u64> {
        let (position, head) = (self.position?, self.head?);
        (position.epoch == head.epoch).then(|| {
            let Sequence(head) = head.sequence;
            head.saturating_sub(position.sequence.0)
        })
    }

    /// How long ago this reader last knew that it had everything. `None`: it never did.
    pub fn staleness(&self, now: Instant) -> Option<Duration> {
        Some(now.saturating_duration_since(self.confirmed_at?))
    }
}

/// Where [`Progress`] is written and read. Cloning it shares it.
#[derive(Debug, Clone)]
pub struct StatusCell {
    progress: Arc<Mutex<Progress>>,
    reader: Arc<str>,
    admin_url: Option<Arc<str>>,
    catalog: Catalog,
    propagation: DurationHistogram,
}

impl StatusCell {
    /// A cell of the reader with this id and catalog.
    pub fn new(reader: &str, catalog: Catalog, progress: Progress) -> Self {
        Self {
            progress: Arc::new(Mutex::new(progress)),
            reader: Arc::from(reader),
            admin_url: None,
            catalog,
            propagation: DurationHistogram::new(),
        }
    }

    /// The same, of a reader whose admin plane others reach by this URL.
    #[must_use]
    pub fn reached_at(mut self, admin_url: &str) -> Self {
        self.admin_url = Some(Arc::from(admin_url));
        self
    }

    /// How long changes took from the database to this reader.
    pub fn propagation(&self) -> &DurationHistogram {
        &self.propagation
    }

    /// Replaces what was known.
    pub fn set(&self, progress: Progress) {
        *self.lock() = progress;
    }

    /// What was last written.
    pub fn progress(&self) -> Progress {
        *self.lock()
    }

    /// The whole status. `now` makes the staleness, so that it grows even if nobody writes here.
    pub fn status(&self, now: Instant) -> ReaderStatus {
        let progress = self.progress();
        let millis = |age: Duration| u64::try_from(age.as_millis()).unwrap_or(u64::MAX);
        let ready = self.catalog.is_ready();
        ReaderStatus {
            epoch: progress.position.map(|position| position.epoch.0),
            sequence: progress.position.map(|position| position.sequence.0),
            head: progress.head.map(|head| head.sequence.0),
            lag: progress.lag(),
            staleness_ms: progress.staleness(now).map(millis),
            snapshot_age_ms: progress.snapshot_age.map(|age| millis(age.now(now))),
            state: progress.state.to_owned(),
            source: progress.source.to_owned(),
            entries: self.catalog.documents(),
            bytes: self.catalog.bytes(),
            ready,
            // Progress is told a moment later than the catalog.
            unready: (!ready).then(|| progress.unready.unwrap_or(Unready::Behind).to_string()),
            format: FORMAT,
            tombstones: self.catalog.tombstones(),
            evictions: self.catalog.evictions(),
            bytes_max: self.catalog.bytes_max(),
            partial: self.catalog.is_partial(),
            hydrations: progress.hydrations,
            gaps: progress.gaps,
            silences: progress.silences,
            replays: progress.replays,
            undecodable: progress.undecodable,
            polls: progress.polls,
            scrubs: progress.scrubs,
            repairs: progress.repairs,
            reader: String::from(&*self.reader),
            admin_url: self.admin_url.as_deref().map(str::to_owned),
            version: env!("CARGO_PKG_VERSION").to_owned(),
        }
    }

    fn lock(&self) -> MutexGuard<'_, Progress> {
        // Progress is written whole, so a panic elsewhere leaves nothing half done.
        self.progress.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// The answer of `/status`; [`STATUS_SCHEMA`] describes it. `null` means not known.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct ReaderStatus {
    /// The epoch of the reader's position.
    pub epoch: Option<u64>,
    /// The sequence of the reader's position: every change up to it is served.
    pub sequence: Option<u64>,
    /// The sequence of the database's head, as last heard.
    pub head: Option<u64>,
    /// `head` - `sequence`, where both are of one epoch.
    pub lag: Option<u64>,
    /// Milliseconds since the reader last knew that it had everything.
    pub staleness_ms: Option<u64>,
    /// While a local snapshot alone is served: how many milliseconds ago, by the wall clock, that
    /// was known to have everything, or was written if it never was.
    pub snapshot_age_ms: Option<u64>,
    /// The state of following.
    pub state: String,
    /// Where changes come from.
    pub source: String,
    /// Documents held, tombstones not counted.
    pub entries: u64,
    /// What all entries cost, in octets.
    pub bytes: u64,
    /// Whether reads are answered from the set.
    pub ready: bool,
    /// Why they are not, for people; `null` where they are.
    pub unready: Option<String>,
    /// The highest format of envelopes that the reader decodes.
    pub format: u8,
    /// Tombstones held.
    pub tombstones: u64,
    /// Entries evicted since the start.
    pub evictions: u64,
    /// Upper bound on `bytes`, where there is one.
    #[serde(default)]
    pub bytes_max: Option<u64>,
    /// Whether documents may be missing from memory, to be fetched when they are asked for.
    #[serde(default)]
    pub partial: bool,
    /// Hydrations completed since the start.
    pub hydrations: u64,
    /// Gaps met since the start.
    pub gaps: u64,
    /// Gaps of the reader's own making since the start, because nothing came.
    #[serde(default)]
    pub silences: u64,
    /// Replays completed since the start.
    pub replays: u64,
    /// Envelopes that could not be decoded since the start.
    pub undecodable: u64,
    /// Polls that a writer answered since the start.
    pub polls: u64,
    /// Buckets scrubbed since the start.
    pub scrubs: u64,
    /// Documents that scrubs have changed since the start. Above 0 something went wrong before.
    pub repairs: u64,
    /// The reader's id on the bus.
    pub reader: String,
    /// The URL by which others reach its admin plane.
    pub admin_url: Option<String>,
    /// The program's version.
    pub version: String,
}
