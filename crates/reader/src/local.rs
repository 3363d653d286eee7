//! The local snapshot: what a reader holds, in a file of its own, to start from while Redis and
//! every writer are away.
//!
//! # The file
//!
//! ```text
//! header: magic 4 | format 1 | zero 3 | origin 8 | epoch 8 | sequence 8 | link 8 |
//!         database_time 8 | taken_at 8 | confirmed_at 8 | checksum 8
//! length 4 | envelope, for each entry, in no order
//! length 4 | trailer: counts the envelopes
//! ```
//!
//! Integers are big-endian; envelopes and trailer are those of the wire, each with checksums of its
//! own. The position in the header was held before the first entry was read, so everything up to it
//! is in the file, or superseded by something in it; the walk misses no entry that stays, and one
//! that is replaced stays where it is.
//!
//! It is written to a temporary file beside it, flushed to the disk and renamed, so there is always
//! a whole one: at most one file and one temporary one, each about the size of [`Catalog::bytes`].
//! Nothing is copied in memory but the envelope that is being written.
//!
//! # What is believed
//!
//! A file is read from end to end before anything of it is served. One that is damaged, cut, of a
//! newer format or of another bus (`origin`) is ignored, said so, and counted. Anybody who can
//! write to the directory can write documents.
//!
//! No clock of a machine is trusted for staleness, which is unknown until a source answers. The
//! wall clock only says how old the file is, and takes the database's time on from the one in the
//! file, so that what has expired meanwhile stays away; a wall clock that stands before the file's
//! leaves the database's time where it was.
//!
//! [`Catalog::bytes`]: crate::catalog::Catalog::bytes

mod header;
mod read;
mod write;

use std::{
    path::{Path, PathBuf},
    sync::atomic::{AtomicU64, Ordering},
    time::{Duration, SystemTime},
};

use shared::{Timestamp, codec::DecodeError};
use xxhash_rust::xxh3::xxh3_64;

pub(crate) use header::Header;
pub(crate) use read::LocalSnapshot;
pub(crate) use write::{Cancel, Pace, write};

/// The file in `SNAPSHOT_DIR`.
const FILE: &str = "reader.snapshot";

/// What it is called until it is whole.
const TEMPORARY: &str = "reader.snapshot.tmp";

/// Where a reader keeps its local snapshot, and how often.
#[derive(Debug, Clone)]
pub struct LocalConfig {
    /// `SNAPSHOT_DIR`: made if it is not there. One reader's alone.
    pub directory: PathBuf,
    /// `SNAPSHOT_INTERVAL`: from the end of one writing to the next. Nothing is written while the
    /// position stands. Default 5 min.
    pub interval: Duration,
    /// Names the bus, so that the file of another one is not believed; see [`origin_of`].
    pub origin: u64,
}

/// What became of local snapshots since the start. Relaxed: each is right on its own.
#[derive(Debug, Default)]
pub struct LocalCounters {
    /// Files written.
    pub written: AtomicU64,
    /// Writings that failed.
    pub failed: AtomicU64,
    /// Files that were found and not believed.
    pub refused: AtomicU64,
    /// Octets of the last file written.
    pub bytes: AtomicU64,
}

/// Why there is no file to start from, or none was written.
#[derive(Debug, thiserror::Error)]
pub(crate) enum LocalError {
    #[error("{0}")]
    File(&'static str, #[source] std::io::Error),
    #[error("it is not a local snapshot")]
    Foreign,
    #[error("it was taken of another bus")]
    OtherBus,
    #[error("its format {0} is newer than {format}, the newest this version reads", format = header::FORMAT)]
    Format(u8),
    #[error("it is cut short")]
    Cut,
    #[error("octets follow its end")]
    Trailing,
    #[error("its header is damaged")]
    Header,
    #[error("it is damaged")]
    Damaged(#[source] DecodeError),
    #[error("it says that it has {told} documents and has {found}")]
    Count { told: u64, found: u64 },
    #[error("it mixes two epochs")]
    Epochs,
    #[error("another process writes there")]
    Locked,
    #[error("the set is not whole: documents are not in memory")]
    Partial,
    #[error("a document cannot be written: {0}")]
    Encode(String),
    #[error("the set was replaced meanwhile, or there was no time left")]
    Cancelled,
}

impl LocalCounters {
    pub(crate) fn count(counter: &AtomicU64) {
        counter.fetch_add(1, Ordering::Relaxed);
    }
}

/// What names a bus under this URL: where it is, without user, password and options.
pub fn origin_of(url: &str) -> u64 {
    let place = url.split_once("://").map_or(url, |(_scheme, rest)| rest);
    // Options first: a sentinel's password is one of them, and may have an @.
    let place = place.split(['?', '#']).next().unwrap_or_default();
    let place = place.rsplit_once('@').map_or(place, |(_user, rest)| rest);
    xxh3_64(place.trim_end_matches('/').as_bytes())
}

/// The wall clock.
pub(crate) fn wall_clock() -> Timestamp {
    #[expect(
        clippy::disallowed_methods,
        reason = "the age of a file that outlives the process has no other clock"
    )]
    let since_1970 = SystemTime::now().duration_since(SystemTime::UNIX_EPOCH);
    let micros = since_1970.unwrap_or_default().as_micros();
    Timestamp(i64::try_from(micros).unwrap_or(i64::MAX))
}

/// From one time to a later one; `None` where it is an earlier one.
pub(crate) fn elapsed(from: Timestamp, to: Timestamp) -> Option<Duration> {
    let micros = to.0.checked_sub(from.0)?;
    u64::try_from(micros).ok().map(Duration::from_micros)
}

fn file_in(directory: &Path) -> PathBuf {
    directory.join(FILE)
}
