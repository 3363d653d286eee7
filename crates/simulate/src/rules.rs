//! The rules that a world can do without, one at a time: what no seed needs proves nothing.

/// A rule of design.md, sections 3, 5 and 6.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Rule {
    /// Commits are visible in the order of their sequences.
    CommitOrder,
    /// A change bears a random link and names its predecessor's.
    Links,
    /// A commit checks that the last known tip still stands, and begins an epoch if it does not.
    HistoryChecked,
    /// A change is delivered under its slot, whatever its document's sequence.
    Slots,
    /// Fewer changes than asked for are noticed as pruned.
    PrunedNoticed,
    /// A database tombstone goes only below the lowest change kept.
    TombstoneOutlivesChange,
    /// A publication at or below `published_through` is a no-op.
    PublishedOnce,
    /// A publication into another build is refused.
    BuildChecked,
    /// A publication of another epoch is refused.
    EpochChecked,
    /// The bus replaces an envelope by a newer one only.
    NewerStored,
    /// A chunk is taken in its turn only, and the number of chunks is checked.
    ChunksCounted,
    /// What an earlier leadership sends is refused.
    Terms,
    /// A rebuild of a lower term or epoch is refused.
    BeginChecked,
    /// A rebuild reads the head before the documents.
    HeadBeforeDocuments,
    /// A heartbeat reads the probes before the head.
    ProbesBeforeHead,
    /// Heads come from the primary, not from a replica that lags.
    HeadFromPrimary,
    /// A tombstone leaves the bus at or below `log_from` only, by compare-and-delete.
    PurgeBelowLog,
    /// The leader publishes what writers did not.
    Sweep,
    /// The leader compares the bus with the database and mends it.
    Comparison,
    /// The leader renews its lease and ceases to lead without it.
    Lease,
    /// The catalog keeps the higher position.
    SequenceComparison,
    /// Live envelopes at or below the position are ignored.
    PastIgnored,
    /// A reconnection is a gap.
    ReconnectIsGap,
    /// A hole that grows old is replayed.
    HolesReplayed,
    /// The head of each heartbeat has a deadline.
    HeadDeadline,
    /// A feed that is silent is given up.
    SilenceGivenUp,
    /// Heartbeats are heard.
    Heartbeats,
    /// A snapshot's floor is read before its buckets.
    FloorBeforeBuckets,
    /// A bucket without the build's mark is rejected.
    BucketMarks,
    /// Meta is read again after the buckets.
    MetaReadAgain,
    /// An incomplete snapshot is not used.
    CompleteOnly,
    /// A snapshot below the position is not used.
    SnapshotNotBehind,
    /// Inputs of abandoned attempts are thrown away.
    AttemptsNumbered,
    /// What is delivered while a hydration runs is applied.
    AppliedWhileHydrating,
    /// An earlier epoch is ignored.
    EarlierEpochIgnored,
    /// Tombstones stay above the position and above the floor of a running hydration.
    TombstonesStay,
    /// What a snapshot lacks is dropped.
    UnseenDropped,
    /// What a snapshot lacks is dropped at or below its floor only.
    DroppedBelowFloor,
    /// Where the log has no entry for a published slot, the snapshot is read.
    LogEndHydrates,
    /// Staleness counts from the sending of the nonce that a heartbeat repeats.
    NonceSending,
    /// Buckets are read again, for ever.
    Scrub,
    /// A reader is ready once it has reached a head learned after its start.
    ReadyAtHead,
    /// Only a heartbeat that repeats the reader's own nonce was certainly read after its start.
    ReadyByNonce,
    /// A local snapshot's tip is noted before its documents are read.
    TipBeforeEntries,
    /// What a local snapshot does not have, up to its tip, is dropped at its end.
    LocalAlone,
    /// A set that is not whole is not kept as a local snapshot.
    WholeSetKept,
    /// A link mismatch, and a head behind the position, make a writer compare its history.
    DoubtAsked,
    /// A writer that is polled refuses to continue from another history.
    PollRefused,
    /// A writer's snapshot begins with the head.
    WriterHeadFirst,
    /// A token read is answered by the position, not by the head heard of.
    TokenByPosition,
    /// Nothing is evicted above the position, nor above the floor of a running hydration.
    EvictedBelowLine,
    /// A snapshot adds no keys to a set that is not whole.
    SnapshotAddsNothing,
    /// A miss in a set that is not whole is no absence.
    MissesUnknown,
    /// Reads that waited for a fetch look up again.
    LookedUpAgain,
    /// A fetch is of the reader's epoch.
    FetchOfEpoch,
    /// A fetch from an incomplete snapshot is not used.
    FetchComplete,
    /// A fetch from a bucket without its mark is not used.
    FetchMarked,
    /// A fetch from below the position is not used.
    FetchNotBehind,
    /// A fetch is not used if something was applied to its key meanwhile.
    FetchNotOvertaken,
    /// Nothing fetched is used while a hydration runs.
    FetchNotHydrating,
    /// Absence below the log's end is not believed.
    AbsenceAboveLog,
}

impl Rule {
    /// Each, with its name on the command line and, where another rule catches what it lets
    /// through, the case that it guards all the same.
    pub const ALL: &[(Self, &str, &str)] = &[
        (Self::CommitOrder, "commit-order", ""),
        (Self::Links, "links", ""),
        (Self::HistoryChecked, "history-checked", ""),
        (Self::Slots, "slots", ""),
        (Self::PrunedNoticed, "pruned-noticed", ""),
        (
            Self::TombstoneOutlivesChange,
            "tombstone-outlives-change",
            "",
        ),
        (
            Self::PublishedOnce,
            "published-once",
            "a writer that wakes late brings back a document whose tombstone is purged: takes a stall, a deletion, retention and a rebuild in a row",
        ),
        (
            Self::BuildChecked,
            "build-checked",
            "second line, behind epoch and slot: a slot refused goes to the new build in the next attempt",
        ),
        (
            Self::EpochChecked,
            "epoch-checked",
            "a writer that has not heard of an epoch publishes into its snapshot: 7 of 6,000 other worlds",
        ),
        (Self::NewerStored, "newer-stored", ""),
        (
            Self::ChunksCounted,
            "chunks-counted",
            "a failover amid a rebuild: a snapshot that lacks chunks says it is whole",
        ),
        (
            Self::Terms,
            "terms",
            "second line, behind the sequence: a frozen leader mends or purges in its successor's build",
        ),
        (
            Self::BeginChecked,
            "begin-checked",
            "second line: a frozen leader replaces a newer snapshot, and its successor rebuilds",
        ),
        (Self::HeadBeforeDocuments, "head-before-documents", ""),
        (Self::ProbesBeforeHead, "probes-before-head", ""),
        (Self::HeadFromPrimary, "head-from-primary", ""),
        (
            Self::PurgeBelowLog,
            "purge-below-log",
            "second line: a replay meets a slot without its document and hydrates",
        ),
        (Self::Sweep, "sweep", ""),
        (Self::Comparison, "comparison", ""),
        (
            Self::Lease,
            "lease",
            "second line, behind terms: two leaders at once",
        ),
        (Self::SequenceComparison, "sequence-comparison", ""),
        (Self::PastIgnored, "past-ignored", ""),
        (Self::ReconnectIsGap, "reconnect-is-gap", ""),
        (
            Self::HolesReplayed,
            "holes-replayed",
            "second line, behind the deadline of heads: a hole is filled 150 ms sooner",
        ),
        (Self::HeadDeadline, "head-deadline", ""),
        (
            Self::SilenceGivenUp,
            "silence-given-up",
            "a connection that lives and brings nothing for ever: here each one speaks again after 3 s",
        ),
        (Self::Heartbeats, "heartbeats", ""),
        (Self::FloorBeforeBuckets, "floor-before-buckets", ""),
        (Self::BucketMarks, "bucket-marks", ""),
        (
            Self::MetaReadAgain,
            "meta-read-again",
            "second line, behind the buckets' marks: a rebuild, or a failover, amid a hydration",
        ),
        (Self::CompleteOnly, "complete-only", ""),
        (
            Self::SnapshotNotBehind,
            "snapshot-not-behind",
            "a failover to an older snapshot after tombstones were forgotten",
        ),
        (Self::AttemptsNumbered, "attempts-numbered", ""),
        (
            Self::AppliedWhileHydrating,
            "applied-while-hydrating",
            "second line, behind the replay that follows: nothing is read twice",
        ),
        (Self::EarlierEpochIgnored, "earlier-epoch-ignored", ""),
        (Self::TombstonesStay, "tombstones-stay", ""),
        (Self::UnseenDropped, "unseen-dropped", ""),
        (Self::DroppedBelowFloor, "dropped-below-floor", ""),
        (Self::LogEndHydrates, "log-end-hydrates", ""),
        (Self::NonceSending, "nonce-sending", ""),
        (Self::Scrub, "scrub", ""),
        (Self::ReadyAtHead, "ready-at-head", ""),
        (Self::ReadyByNonce, "ready-by-nonce", ""),
        (Self::TipBeforeEntries, "tip-before-entries", ""),
        (
            Self::LocalAlone,
            "local-alone",
            "a document that was deleted before the local snapshot comes late over the feed, or with a hydration that fails",
        ),
        (Self::WholeSetKept, "whole-set-kept", ""),
        (
            Self::DoubtAsked,
            "doubt-asked",
            "a restoration that the bus forgets before the leader looks, so that only readers know: here the bus always remembers, and its leader asks",
        ),
        (Self::PollRefused, "poll-refused", ""),
        (Self::WriterHeadFirst, "writer-head-first", ""),
        (Self::TokenByPosition, "token-by-position", ""),
        (Self::EvictedBelowLine, "evicted-below-line", ""),
        (Self::SnapshotAddsNothing, "snapshot-adds-nothing", ""),
        (Self::MissesUnknown, "misses-unknown", ""),
        (Self::LookedUpAgain, "looked-up-again", ""),
        (Self::FetchOfEpoch, "fetch-of-epoch", ""),
        (Self::FetchComplete, "fetch-complete", ""),
        (Self::FetchMarked, "fetch-marked", ""),
        (Self::FetchNotBehind, "fetch-not-behind", ""),
        (Self::FetchNotOvertaken, "fetch-not-overtaken", ""),
        (
            Self::FetchNotHydrating,
            "fetch-not-hydrating",
            "second line, behind the end of a hydration, which makes fetches void",
        ),
        (
            Self::AbsenceAboveLog,
            "absence-above-log",
            "a reader that the log has passed: a write that comes late would follow the absence of its own deletion",
        ),
    ];

    /// Its name on the command line.
    pub fn name(self) -> &'static str {
        let own = Self::ALL.iter().find(|(rule, ..)| *rule == self);
        own.map_or("", |(_, name, _)| name)
    }

    /// The rule of that name.
    pub fn named(name: &str) -> Option<Self> {
        let named = Self::ALL.iter().find(|(_, known, _)| *known == name);
        named.map(|(rule, ..)| *rule)
    }
}

/// Which rules hold: all of them, or all but one.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Rules {
    /// The one that does not.
    pub without: Option<Rule>,
}

impl Rules {
    /// Every rule holds.
    pub const ALL: Self = Self { without: None };

    pub(crate) fn hold(self, rule: Rule) -> bool {
        self.without != Some(rule)
    }
}
