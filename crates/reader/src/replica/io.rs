//! What goes into the machine and what comes out of it.

use std::time::Duration;

use bus::{Build, Meta, Replay};
use shared::{Delivery, Envelope, Epoch, Heartbeat, Position, ResourceKey, Slot, Timestamp};

use super::slots::Tip;
use crate::catalog::Hydration;

/// Something that happened.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Input {
    /// The feed is subscribed to, on a new connection.
    Subscribed,
    /// The subscription ended, or could not be made.
    Disconnected,
    /// A change came over the feed.
    Delivery(Delivery),
    /// A change came over the feed without its envelope.
    Notice(Slot),
    /// A heartbeat came over the feed.
    Heartbeat(Heartbeat),
    /// A hydration from the bus has read meta, before any bucket.
    SnapshotBegin(Hydration, Option<Meta>),
    /// A hydration from a writer has read where the database stood before any document was read.
    WriterSnapshotBegin(Hydration, Heartbeat),
    /// A hydration has read envelopes.
    SnapshotChunk(Hydration, Vec<Envelope>),
    /// A hydration from the bus has read every bucket, and then meta again.
    SnapshotEnd(Hydration, Option<Meta>),
    /// A hydration from a writer has read every document; all are of this epoch.
    WriterSnapshotEnd(Hydration, Epoch),
    /// A hydration cannot go on.
    SnapshotFailed(Hydration, SnapshotFailure),
    /// A replay has read a page of the log.
    Replayed(ReplayAttempt, Replay),
    /// A replay cannot go on.
    ReplayFailed(ReplayAttempt),
    /// A writer answers a poll: where the database stood before the changes were read.
    PollBegin(PollAttempt, Heartbeat),
    /// Changes of a poll's answer, in slot order.
    PollDeliveries(PollAttempt, Vec<Delivery>),
    /// A poll's answer is whole.
    PollEnd(PollAttempt),
    /// The writer cannot continue from the tip it was told: its history is another one, or the
    /// changes are no longer kept. With the database's head, if it told.
    PollRefused(PollAttempt, Option<Position>),
    /// A poll was not answered, or its answer was cut.
    PollFailed(PollAttempt),
    /// A scrub has read a bucket.
    Scrubbed(ScrubAttempt, ScrubbedBucket),
    /// A scrub cannot go on.
    ScrubFailed(ScrubAttempt),
    /// A local snapshot was found whole.
    LocalBegin(LocalAttempt, LocalBegun),
    /// Envelopes of it.
    LocalChunk(LocalAttempt, Vec<Envelope>),
    /// All have come.
    LocalEnd(LocalAttempt),
    /// There is no local snapshot to begin with.
    LocalFailed(LocalAttempt),
    /// Time went by. Due every 25 ms or so: deadlines are judged then.
    Tick,
}

/// Where changes come from.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Source {
    /// The bus.
    Bus,
    /// A writer's internal plane.
    Writer,
}

/// Which sources there are.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Sources {
    /// The bus alone.
    Bus,
    /// The bus, and a writer's internal plane for while the bus does not confirm that the reader
    /// has everything.
    BusAndWriter,
}

/// What a scrub has read, in this order.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ScrubbedBucket {
    /// Meta before the bucket.
    pub begun: Meta,
    /// Which bucket of `begun.buckets`.
    pub index: u32,
    /// The bucket; none if it lacks its mark.
    pub bucket: Option<ComparedBucket>,
    /// Meta after it.
    pub ended: Option<Meta>,
}

/// What a bucket has, compared with the catalog as it was read: the catalog has almost all of it
/// already, and a reader with a budget no room for the rest.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct ComparedBucket {
    /// What may change the catalog.
    pub envelopes: Vec<Envelope>,
    /// The keys of all others, each of the epoch that the reading began in: the catalog had them
    /// alike or newer, or leaves them out.
    pub alike: Vec<ResourceKey>,
    /// How many values could not be decoded.
    pub undecodable: usize,
}

/// Why a hydration cannot go on.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum SnapshotFailure {
    /// The source is away, or what it sent was cut.
    Unavailable,
    /// A bucket lacks its mark.
    BucketLost(Build, u32),
    /// An envelope in it cannot be decoded.
    Undecodable,
}

/// The number of one replay.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct ReplayAttempt(pub u32);

/// The number of one request for the changes that a writer has.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct PollAttempt(pub u32);

/// The number of one bucket's reading.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct ScrubAttempt(pub u32);

/// The number of one reading of the local snapshot.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct LocalAttempt(pub u32);

/// What a local snapshot says of itself.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct LocalBegun {
    /// Everything up to it is in what follows.
    pub tip: Tip,
    /// The database's time now, as far as the wall clock can take it on from the one in the
    /// snapshot. Not the machine's to judge.
    pub database_time: Option<Timestamp>,
    /// How old it is, by the wall clock. Not the machine's to judge either.
    pub age: Option<Duration>,
}

/// Something to do.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Effect {
    /// Drop the subscription, if there is one, and make a new one after this delay.
    Connect(Duration),
    /// Abandon the hydration under way, if there is one, and begin this one after the delay.
    Hydrate(Hydration, Source, Duration),
    /// Read the log above a position.
    Replay(ReplayAttempt, Position),
    /// Ask a writer for the changes after a tip.
    Poll(PollAttempt, Tip),
    /// Abandon the scrub under way, if there is one, and read the bucket whose turn it is: this
    /// number, modulo the number of buckets.
    Scrub(ScrubAttempt, u32),
    /// Read the local snapshot.
    ReadLocal(LocalAttempt),
    /// Put an envelope into the catalog, unless it holds a newer one; mark the key as seen.
    Apply(Envelope, Option<Hydration>),
    /// Drop what the local snapshot does not have and that stands at or below its tip: left by failed
    /// hydrations, or brought late by the feed, though it was deleted since.
    DropLeft(Hydration, Position),
    /// Drop what a finished hydration has not seen and that stands at or below its floor.
    DropUnseen(Hydration, Position),
    /// As [`Effect::Apply`], for a bucket read by a scrub: a repair, if it changes a document at
    /// or below this position, where following should have brought it.
    Repair(Envelope, Hydration, Position),
    /// Mark these keys as seen, where they are held.
    Mark(Vec<ResourceKey>, Hydration),
    /// As [`Effect::DropUnseen`], at the end of a scrub's pass: each document dropped is a repair.
    DropUnscrubbed(Hydration, Position),
    /// Drop tombstones at or below a position.
    ForgetTombstones(Position),
    /// Tell the bus that a bucket of a build has lost its mark.
    ReportLost(Build, u32),
    /// Leave this nonce for the next heartbeat.
    Probe(u64),
    /// Begin, or cease, to answer reads.
    SetReady(bool),
}

/// What the machine has counted since its start.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Counts {
    /// Subscriptions that ended: each may have missed messages.
    pub gaps: u64,
    /// Hydrations completed.
    pub hydrations: u64,
    /// Hydrations that failed or were refused.
    pub hydrations_failed: u64,
    /// Pages of the log read.
    pub replays: u64,
    /// Deliveries whose envelope could not be decoded, or contradicts its slot.
    pub undecodable: u64,
    /// Links that did not match, and heads behind the position: two histories under one epoch.
    pub forks: u64,
    /// Connections given up because nothing came over them.
    pub silences: u64,
    /// Polls that a writer answered.
    pub polls: u64,
    /// Buckets scrubbed.
    pub scrubs: u64,
}

/// What the reader is doing, for people.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum State {
    /// No subscription.
    Connecting,
    /// Loading a snapshot.
    Hydrating,
    /// Fetching missed changes.
    Replaying,
    /// Applying live envelopes.
    Following,
}

impl State {
    /// The word for it in `/status`.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Connecting => "connecting",
            Self::Hydrating => "hydrating",
            Self::Replaying => "replaying",
            Self::Following => "following",
        }
    }
}
