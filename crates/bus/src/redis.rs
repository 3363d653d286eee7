//! The bus over Redis.
//!
//! Every guarded change is one Lua script (`redis/scripts`); everything else is plain commands.
//! Commands go over one connection that is made when first needed and again after it failed, so
//! Redis need not be there at the start. A hydration and a subscription own a connection each and
//! fail with it: nothing reconnects in the middle of a read of several steps.

mod bulk;
mod compare;
mod connection;
mod deadline;
mod follow;
mod keys;
mod lookup;
mod meta;
mod publish;
mod readers;
mod rebuild;
mod replay;
pub(crate) mod resp;
mod scripts;
mod snapshot;
mod subscription;
mod suitability;
mod tls;

use std::{fmt, path::Path, sync::Arc};

use crate::{
    BusError,
    limits::{LOG_SEGMENT_SLOTS, LOG_SEGMENTS},
};
use connection::Connection;
use keys::Keys;
use lookup::Layout;
use scripts::Scripts;

/// The bus over Redis. Cheap to clone; clones share one connection.
///
/// The tasks that serve a connection run on the tokio runtime that made it, which is whichever
/// first used the bus; when that runtime ends, the next operation connects anew on its own.
#[derive(Clone)]
pub struct RedisBus {
    inner: Arc<Inner>,
    /// At least 1.
    log_segments: u64,
}

struct Inner {
    connection: Connection,
    keys: Keys,
    scripts: Scripts,
    layout: Layout,
}

impl RedisBus {
    /// The namespace of the processes that people start.
    pub const NAMESPACE: &str = "pressrun";

    /// A bus on the server at `url` (`redis://[user:password@]host[:port][/database]`, the same with
    /// `rediss://` over TLS, or `redis+unix:///path`). It does not connect yet. Buses of different
    /// namespaces share a server without seeing each other.
    ///
    /// Over TLS the server's certificate must be good for `host`, and come from an authority that
    /// this system believes.
    ///
    /// # Errors
    /// The URL is malformed, or the namespace is not 1 to 64 of a-z, A-Z, 0-9, `_`, `.` and `-`; or
    /// TLS is asked for where the system has no authorities.
    pub fn open(url: &str, namespace: &str) -> Result<Self, BusError> {
        Self::open_with(url, namespace, None)
    }

    /// As [`Self::open`], over TLS alone, believing the authorities in `ca` (certificates, PEM) and
    /// no others.
    ///
    /// # Errors
    /// As [`Self::open`]; or `ca` has no certificate, or the URL is not one of `rediss://`.
    pub fn open_believing(url: &str, namespace: &str, ca: &[u8]) -> Result<Self, BusError> {
        Self::open_with(url, namespace, Some(ca))
    }

    /// The bus of the processes that people start: as [`Self::open`], or, with a file of
    /// authorities, as [`Self::open_believing`].
    ///
    /// # Errors
    /// As those; or the file cannot be read.
    pub fn open_by(url: &str, ca_file: Option<&Path>) -> Result<Self, BusError> {
        let Some(path) = ca_file else {
            return Self::open(url, Self::NAMESPACE);
        };
        let ca = std::fs::read(path).map_err(|error| {
            BusError::Unsuitable(format!(
                "the file of authorities {} cannot be read: {error}",
                path.display()
            ))
        })?;
        Self::open_believing(url, Self::NAMESPACE, &ca)
    }

    fn open_with(url: &str, namespace: &str, ca: Option<&[u8]>) -> Result<Self, BusError> {
        Ok(Self {
            inner: Arc::new(Inner {
                connection: Connection::open(url, ca)?,
                keys: Keys::new(namespace)?,
                scripts: Scripts::default(),
                layout: Layout::default(),
            }),
            log_segments: LOG_SEGMENTS,
        })
    }

    /// Keeps `log_segments` segments of 1,024 slots in the log instead of
    /// [`LOG_SEGMENTS`]; at least 1. A matter of the writers.
    #[must_use]
    pub fn with_log_segments(self, log_segments: u64) -> Self {
        Self {
            log_segments: log_segments.max(1),
            ..self
        }
    }
}

/// The segment of the log that a slot is in.
const fn segment_of(slot: u64) -> u64 {
    slot / LOG_SEGMENT_SLOTS
}

impl fmt::Debug for RedisBus {
    // Not the URL: it may hold a password.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("RedisBus")
            .field("keys", &self.inner.keys)
            .finish_non_exhaustive()
    }
}
