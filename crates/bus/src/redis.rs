//! The bus over Redis.
//!
//! Every guarded change is one Lua script (`redis/scripts`); everything else is plain commands.
//! Commands go over one connection that is made when first needed and again after it failed, so
//! Redis need not be there at the start. Every connection leads to the master of the moment it was
//! made in, which sentinels or a Cluster may have to be asked for (`redis/master`). A hydration and a subscription own a connection each and
//! fail with it: nothing reconnects in the middle of a read of several steps.

pub(crate) mod address;
pub(crate) mod ahead;
mod bulk;
mod compare;
mod connection;
mod deadline;
mod follow;
mod keys;
mod lookup;
mod master;
mod meta;
mod publish;
mod readers;
mod rebuild;
pub(crate) mod received;
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
use address::Address;
use connection::Connection;
use keys::Keys;
use lookup::Layout;
use master::Master;
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

    /// The schemes of its URLs, without `://`.
    pub const SCHEMES: &[&str] = Address::SCHEMES;

    /// A bus on the server at `url`. It does not connect yet. Buses of different namespaces share a
    /// server without seeing each other.
    ///
    /// - `redis://[user:password@]host[:port][/database]` and `redis+unix:///path`: that server.
    /// - `redis+sentinel://[user:password@]host[:port][,..]/service[/database]`: the master that the
    ///   sentinels at these hosts (port 26379 unless given) name for the service; what they are told
    ///   themselves stands behind, as `?sentinel_user=..&sentinel_password=..`.
    /// - `redis+cluster://[user:password@]host[:port][,..]`: the master of the one slot that all keys
    ///   are in, of which any of these nodes tells. Takes Redis 7, for sharded messages.
    ///
    /// Each of them but the socket's file is over TLS with `rediss`, sentinels included: the
    /// certificate of each server must then be good for its host as written or told, and come from
    /// an authority that this system believes. At most 16 hosts; of several, some may be away.
    ///
    /// # Errors
    /// The URL is malformed ([`Self::check_url`]), or the namespace is not 1 to 64 of a-z, A-Z, 0-9, `_`, `.` and `-`; or
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

    /// Holds a URL against what [`Self::open`] takes.
    ///
    /// # Errors
    /// What is wrong with it, as the end of a sentence that begins with it, and without any part of
    /// it: it may hold a password.
    pub fn check_url(url: &str) -> Result<(), String> {
        Address::parse(url).map(drop)
    }

    fn open_with(url: &str, namespace: &str, ca: Option<&[u8]>) -> Result<Self, BusError> {
        let keys = Keys::new(namespace)?;
        let master = Master::open(url, ca, keys.meta())?;
        Ok(Self {
            inner: Arc::new(Inner {
                connection: Connection::new(master),
                keys,
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
