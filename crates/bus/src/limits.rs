//! Limits of the bus that both implementations keep.

/// Slots per segment of the log. A segment is dropped whole.
pub const LOG_SEGMENT_SLOTS: u64 = 1024;

/// Segments of the log that are kept, unless set otherwise: at least 130,048 slots. Followers
/// further behind hydrate.
pub const LOG_SEGMENTS: u64 = 128;

/// How far above `published_through` a slot may be. Slots further ahead are refused until the
/// leader has filled the holes below them.
pub const PENDING_MAX: u64 = 100_000;

/// Upper bound on the slots that one publication moves out of `pending`; what then still waits
/// is moved when the leader publishes the next slot again.
pub const ADVANCE_MAX: u64 = 1000;

/// Largest envelope that travels on the feed itself, in octets. Of larger ones only the slot
/// does, because bursts of large messages make Redis cut subscribers off.
pub const INLINE_BYTES_MAX: usize = 64 * 1024;

/// Upper bound on the slots that one replay reads.
pub const REPLAY_SLOTS_MAX: u64 = 1024;

/// Octets of envelopes after which a replay ends its page, though never before its first one.
pub const REPLAY_BYTES_MAX: usize = 16 * 1024 * 1024;

/// Upper bound on the buckets of a snapshot: with 512 documents in each, 33 million documents.
pub const BUCKETS_MAX: u32 = 65_536;

/// Upper bound on the registered readers that are listed. Of more, any may be left out.
pub const READERS_MAX: usize = 4096;

/// Upper bound on a reader's status, in octets: several times what it has. Larger ones are refused,
/// and not listed; so those of [`READERS_MAX`] have 16 MiB at most.
pub const STATUS_BYTES_MAX: usize = 4 * 1024;

const _: () = assert!(LOG_SEGMENT_SLOTS >= ADVANCE_MAX);
