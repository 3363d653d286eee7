//! The writers' side of the bus.

use async_trait::async_trait;
use bytes::Bytes;
use shared::{Epoch, Heartbeat, Link, ResourceKey, Sequence, Slot, codec::Summary, feed::Probe};

use crate::{
    Build, BusError, Meta,
    limits::{BUCKETS_MAX, INLINE_BYTES_MAX},
};

/// One change to publish: the slot that it fills and its document's current envelope.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Publication {
    /// What it fills.
    pub slot: Slot,
    /// The envelope's own sequence, at or above the slot's.
    pub sequence: Sequence,
    /// The document.
    pub key: ResourceKey,
    /// The encoded envelope.
    pub envelope: Bytes,
    /// The same with the context of the trace that it belongs to, if it belongs to one: what
    /// followers are sent. Never stored, because whoever reads what is stored takes no part in that
    /// trace.
    pub traced: Option<Bytes>,
}

impl Publication {
    /// What followers are sent; none where it is too large for the feed, and they are to fetch what
    /// is stored.
    pub(crate) fn sent(&self) -> Option<&Bytes> {
        let all = [self.traced.as_ref(), Some(&self.envelope)];
        let mut all = all.into_iter().flatten();
        all.find(|one| one.len() <= INLINE_BYTES_MAX)
    }
}

/// What became of a publication. All checks come before the first effect, so a refused one left
/// nothing behind.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum PublishOutcome {
    /// Stored if newer, logged and sent. Carries `published_through` afterwards.
    Published(Sequence),
    /// At or below `published_through`: nothing stored, nothing sent.
    Duplicate,
    /// Refused; the leader has to look.
    Refused(Refusal),
}

/// Why the bus refused an operation.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Refusal {
    /// The bus holds no meta: it is empty.
    NoMeta,
    /// The bus is in another epoch.
    OtherEpoch,
    /// The snapshot was rebuilt meanwhile.
    OtherBuild,
    /// The next slot does not continue from the tip's link: two histories.
    Forked,
    /// A bucket had lost its mark. `complete` is cleared.
    BucketLost,
    /// The term is lower than the one in meta.
    OldTerm,
    /// A chunk came out of turn: chunks before it were lost.
    ChunkLost,
    /// The slot is further ahead than [`crate::limits::PENDING_MAX`]: holes below it come first.
    PendingFull,
}

/// The start of a rebuild.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Begin {
    /// The leadership that rebuilds.
    pub term: u64,
    /// The database's epoch.
    pub epoch: Epoch,
    /// A fresh id.
    pub build: Build,
    /// The database's head, read before any document.
    pub head: Sequence,
    /// The link at the head.
    pub link: Link,
    /// A power of two, 1 to 65,536.
    pub buckets: u32,
}

impl Begin {
    /// Holds the number of buckets against its limits.
    pub(crate) fn check(&self) -> Result<(), BusError> {
        if self.buckets.is_power_of_two() && self.buckets <= BUCKETS_MAX {
            Ok(())
        } else {
            Err(BusError::Unsuitable(format!(
                "a snapshot has a power of two of buckets, 1 to {BUCKETS_MAX}, not {}",
                self.buckets
            )))
        }
    }
}

/// What the snapshot holds for one document, as far as the envelope's header and length tell. That
/// its body is whole only those find out who read it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Held {
    /// Nothing.
    Nothing,
    /// An envelope.
    Envelope(Summary),
    /// An envelope of a format that a newer release made.
    Newer,
    /// Octets that are no envelope.
    Damaged,
}

/// What a bucket holds, by name.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Names {
    /// How many documents and tombstones there are, and whatever else lies among them.
    pub fields: u64,
    /// Their keys; none where there are more fields than were asked for.
    pub keys: Vec<ResourceKey>,
    /// Fields among them whose names are no keys.
    pub strangers: u64,
}

/// What a reader has said of itself.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub struct Registration {
    /// Its id.
    pub reader: String,
    /// Its status, in JSON.
    pub status: String,
}

/// Stores envelopes in the bus and sends them to followers.
///
/// Every operation has a deadline of its own and gives [`BusError::Timeout`] beyond it. None
/// retries.
#[async_trait]
pub trait Publisher: Send + Sync + std::fmt::Debug {
    /// What carries it, in one word, for traces.
    fn system(&self) -> &'static str;

    /// What the bus says of its snapshot; `None` where it is empty.
    ///
    /// # Errors
    /// The bus is away or holds something else under its keys.
    async fn meta(&self) -> Result<Option<Meta>, BusError>;

    /// Publishes changes into `build`, in order, each by itself: one outcome per publication, and
    /// one that is refused does not keep the next from being tried.
    ///
    /// # Errors
    /// The bus is away: which of them took effect is unknown, publishing them again is harmless.
    async fn publish(
        &self,
        build: Build,
        publications: &[Publication],
    ) -> Result<Vec<PublishOutcome>, BusError>;

    /// Starts a rebuild: a new, empty snapshot with all buckets marked, `complete` false, `built`
    /// 0, `published_through` and `log_from` at the head. Earlier builds are dropped.
    /// `Ok(Err(..))` where term or epoch are lower than meta's.
    ///
    /// # Errors
    /// The bus is away, or `buckets` is not a power of two within its limit.
    async fn begin(&self, begin: &Begin) -> Result<Result<(), Refusal>, BusError>;

    /// Stores chunk number `index` (from 0) of a rebuild: current envelopes, at most 256 and about
    /// 1 MiB of them, each stored unless a newer one is there.
    ///
    /// # Errors
    /// The bus is away.
    async fn chunk(
        &self,
        build: Build,
        index: u64,
        envelopes: &[(ResourceKey, Bytes)],
    ) -> Result<Result<(), Refusal>, BusError>;

    /// Corrects what the snapshot holds for these documents, without a slot: each envelope is
    /// stored unless a newer one or the same octets are there. At most 256 and about 1 MiB of
    /// them. Gives how many were stored. Followers learn of it by scrubbing.
    ///
    /// Refused where meta has a higher term, which a leader frozen since would otherwise undo; a
    /// lower one in meta is raised.
    ///
    /// # Errors
    /// The bus is away.
    async fn mend(
        &self,
        term: u64,
        build: Build,
        envelopes: &[(ResourceKey, Bytes)],
    ) -> Result<Result<u64, Refusal>, BusError>;

    /// Removes tombstones that the database has pruned, at most 256 at once: each only where the
    /// envelope held has exactly that sequence, which is at or below `log_from`, and none while
    /// the snapshot is incomplete. Gives how many were removed. The term is judged as in
    /// [`Self::mend`].
    ///
    /// # Errors
    /// The bus is away.
    async fn purge(
        &self,
        term: u64,
        build: Build,
        tombstones: &[(ResourceKey, Sequence)],
    ) -> Result<Result<u64, Refusal>, BusError>;

    /// What the snapshot holds for each of these documents, in order. Values stay where they are:
    /// 96 octets of each travel.
    ///
    /// # Errors
    /// The bus is away.
    async fn held(
        &self,
        build: Build,
        keys: &[ResourceKey],
    ) -> Result<Result<Vec<Held>, Refusal>, BusError>;

    /// The keys of all that one bucket holds, unless those are more than `fields_max`: then only
    /// how many.
    ///
    /// # Errors
    /// The bus is away.
    async fn names(
        &self,
        build: Build,
        bucket: u32,
        fields_max: u64,
    ) -> Result<Result<Names, Refusal>, BusError>;

    /// Ends a rebuild of `chunks` chunks: `complete` becomes true if all of them are there.
    ///
    /// # Errors
    /// The bus is away.
    async fn finish(&self, build: Build, chunks: u64) -> Result<Result<(), Refusal>, BusError>;

    /// The probes that readers have left, at most [`shared::limits::PROBES_MAX`].
    ///
    /// # Errors
    /// The bus is away.
    async fn probes(&self) -> Result<Vec<Probe>, BusError>;

    /// What readers have registered with [`crate::Follower::register`] and is still in force, by
    /// reader; at most [`crate::limits::READERS_MAX`]. Costs a walk through the names of all that
    /// the bus holds: for operators, not for every beat.
    ///
    /// # Errors
    /// The bus is away.
    async fn readers(&self) -> Result<Vec<Registration>, BusError>;

    /// Sends a heartbeat to all followers.
    ///
    /// # Errors
    /// The bus is away.
    async fn heartbeat(&self, heartbeat: &Heartbeat) -> Result<(), BusError>;
}
