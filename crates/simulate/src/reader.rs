//! A reader process: the real state machine, and a driver that does what it asks for.
//!
//! The driver differs from the reader's own (`follow`) in that everything takes a time drawn from
//! the seed, may fail, and that what an abandoned attempt has begun goes on: so the machine hears of
//! everything that the real driver, at its slowest, could tell it.

mod bus_side;
mod catalog;
mod check;
mod effects;
mod fetch_side;
mod inputs;
mod local;
mod writer_side;

use std::{collections::BTreeMap, sync::Arc, time::Duration};

use bus::{Build, Meta, SnapshotReader, Subscription};
use futures_util::FutureExt;
use reader::{
    catalog::Hydration,
    reached::{Reached, Reaching, reached},
    replica::{
        Effect, Input, PollAttempt, ReplayAttempt, Replica, ScrubAttempt, Source, Sources, Timing,
        Tip, Told,
    },
};
use shared::{Epoch, FeedMessage, Position, Sequence, Slot};

use crate::{Rule, ground::Ground, history::Key};
use catalog::Catalog;
use check::Seen;
use effects::Latest;
use fetch_side::Flights;
use local::Keeping;
pub(crate) use local::LocalFile;
use writer_side::WriterPages;

/// How often deadlines are judged.
const TICK: Duration = Duration::from_millis(25);

#[derive(Debug)]
pub(crate) struct Reader {
    ground: Arc<Ground>,
    name: String,
    /// The lowest head that the database has had since it was started.
    lowest_head: Position,
    sources: Sources,
    replica: Replica,
    reaching: Reaching,
    reached: Reached,
    catalog: Catalog,
    flights: Flights,
    is_ready: bool,
    subscription: Option<Subscription>,
    /// Until then it reaches nothing.
    cut_until: Duration,
    /// Until then nothing comes over a subscription that lives.
    deaf_until: Duration,
    ticked_at: Duration,
    hydrations: Vec<Hydrating>,
    latest: Latest,
    /// What is on its way, by time and then in order.
    agenda: BTreeMap<(Duration, u64), Event>,
    next_event: u64,
    tokens: Vec<Token>,
    keeping: Keeping,
    /// When it hears the last of its file.
    keeping_told_at: Duration,
    seen: Seen,
}

/// Something that will happen to a reader.
#[derive(Debug)]
enum Event {
    /// A connection, of this number.
    Connect(u64),
    Message(FeedMessage),
    Tell(Input),
    /// A hydration's next piece is read.
    Hydrate(Hydration),
    Replay(ReplayAttempt, Position),
    Poll(PollAttempt, Tip),
    /// A scrub: with meta, once that is read, over its connection.
    Scrub(ScrubAttempt, u32, Option<Meta>, Connection),
    Probe(u64),
    ReportLost(Build, u32),
    /// Bus or writer is asked for a document.
    Fetch(Key),
    /// It has answered, if it has.
    Fetched(Key, Option<Box<Told>>),
    /// A read is answered with what was fetched.
    Answer(Key, Position),
}

/// Over which a snapshot of the bus is read; made by the first request.
type Connection = Option<Box<dyn SnapshotReader>>;

/// A hydration under way, or abandoned and not yet stopped.
#[derive(Debug)]
struct Hydrating {
    attempt: Hydration,
    from: Source,
    begun: Option<Meta>,
    /// Over which the bus is read.
    connection: Connection,
    /// Buckets still to be read.
    buckets: Vec<u32>,
    pages: WriterPages,
    /// What is told only at the end, without [`Rule::FloorBeforeBuckets`].
    held_back: Vec<Input>,
    /// When the machine has heard the last of it: nothing overtakes.
    told_at: Duration,
}

/// A client that reads its own write.
#[derive(Debug)]
struct Token {
    key: Key,
    slot: Slot,
    until: Duration,
}

impl Reader {
    /// One that begins with this file, if it has to.
    pub(crate) fn start(ground: &Arc<Ground>, name: String, file: Option<LocalFile>) -> Self {
        let (seed, has_writer, room) = {
            let mut random = ground.random();
            let room = [None, None, Some(2), Some(4)];
            (
                random.u64(..),
                random.bool(),
                room[random.usize(..room.len())],
            )
        };
        let sources = if has_writer {
            Sources::BusAndWriter
        } else {
            Sources::Bus
        };
        let timing = timing(ground);
        let (mut replica, effects) = Replica::start(name.clone(), sources, timing, seed);
        replica.may_begin_locally();
        let (reaching, reached) = reached();
        let mut reader = Self {
            ground: Arc::clone(ground),
            name,
            lowest_head: ground.database().current.tip().position,
            sources,
            replica,
            reaching,
            reached,
            catalog: Catalog::with_room(room),
            flights: Flights::default(),
            is_ready: false,
            subscription: None,
            cut_until: Duration::ZERO,
            deaf_until: Duration::ZERO,
            ticked_at: ground.now(),
            hydrations: Vec::new(),
            latest: Latest::default(),
            agenda: BTreeMap::new(),
            next_event: 0,
            tokens: Vec::new(),
            keeping: Keeping::new(seed, file),
            keeping_told_at: Duration::ZERO,
            seen: Seen::default(),
        };
        reader.carry_out(effects);
        reader
    }

    /// Whether it can learn everything from a source.
    pub(crate) fn has(&self, source: Source) -> bool {
        source == Source::Bus || self.sources == Sources::BusAndWriter
    }

    pub(crate) fn cut(&mut self, until: Duration) {
        self.cut_until = until;
        self.subscription = None;
        self.step(Input::Disconnected);
    }

    pub(crate) fn deafen(&mut self, until: Duration) {
        self.deaf_until = until;
    }

    /// Faults end.
    pub(crate) fn heal(&mut self) {
        self.cut_until = Duration::ZERO;
        self.deaf_until = Duration::ZERO;
    }

    /// A client asks for what it has written.
    pub(crate) fn ask(&mut self, key: Key, slot: Slot) {
        let until = self.ground.now() + reader::reached::WAIT_MAX;
        self.tokens.push(Token { key, slot, until });
        self.check();
    }

    /// Everything that is due by now.
    pub(crate) fn run(&mut self) {
        let now = self.ground.now();
        let head = self.ground.database().current.tip().position;
        self.lowest_head = self.lowest_head.min(head);
        self.listen();
        while let Some(first) = self.agenda.first_entry()
            && first.key().0 <= now
        {
            let event = first.remove();
            self.happen(event);
        }
        if TICK <= now.saturating_sub(self.ticked_at) {
            self.ticked_at = now;
            if !self.ground.rules.hold(Rule::TombstonesStay) {
                self.catalog
                    .forget_tombstones(Position::new(Epoch(u64::MAX), Sequence(u64::MAX)));
            }
            self.step(Input::Tick);
            self.keep();
        }
    }

    fn happen(&mut self, event: Event) {
        match event {
            Event::Connect(number) => self.connect(number),
            Event::Message(message) => self.hear(message),
            Event::Tell(input) => self.tell(input),
            Event::Hydrate(attempt) => self.hydrate(attempt),
            Event::Replay(attempt, after) => self.replay(attempt, after),
            Event::Poll(attempt, tip) => self.poll(attempt, tip),
            Event::Scrub(attempt, turn, begun, connection) => {
                self.scrub(attempt, turn, begun, connection);
            }
            Event::Probe(nonce) => self.probe(nonce),
            Event::ReportLost(build, bucket) => {
                if let Some(bus) = self.bus() {
                    drop(bus::Follower::report_lost(bus, build, bucket).now_or_never());
                }
            }
            Event::Fetch(key) => self.fetch(key),
            Event::Fetched(key, told) => self.fetched(key, told.map(|told| *told)),
            Event::Answer(key, position) => self.answer_with(key, position),
        }
    }

    /// Takes from the subscription what has come, and decides when, and whether, it arrives.
    fn listen(&mut self) {
        while let Some(subscription) = &mut self.subscription
            && let Some(event) = subscription.next().now_or_never()
        {
            match event {
                Some(bus::FeedEvent::Message(message)) => self.transmit(&message),
                Some(bus::FeedEvent::Undecodable) => {}
                None => {
                    self.subscription = None;
                    if self.ground.rules.hold(Rule::ReconnectIsGap) {
                        self.step(Input::Disconnected);
                    } else {
                        self.latest.connection += 1;
                        self.plan(Duration::ZERO, Event::Connect(self.latest.connection));
                    }
                }
            }
        }
    }

    fn transmit(&mut self, message: &FeedMessage) {
        let weather = *self.ground.weather();
        if self.ground.now() < self.deaf_until || self.ground.happens(weather.drop) {
            return;
        }
        let copies = 1 + u32::from(self.ground.happens(weather.duplicate));
        for _ in 0..copies {
            let delay = self.ground.delay();
            self.plan(delay, Event::Message(message.clone()));
        }
    }

    fn plan(&mut self, delay: Duration, event: Event) {
        self.plan_at(self.ground.now() + delay, event);
    }

    fn plan_at(&mut self, at: Duration, event: Event) {
        self.next_event += 1;
        self.agenda.insert((at, self.next_event), event);
    }

    /// The machine takes an input, and what a reader promises is checked.
    fn step(&mut self, input: Input) {
        let mut effects = Vec::new();
        let now = self.ground.now();
        self.ground.note(|| match &input {
            Input::Tick => String::new(),
            other => format!("{} <- {}", self.name, brief(other)),
        });
        self.replica.step(now, input, &mut effects);
        self.carry_out(effects);
        self.catalog.settle(self.replica.evictable());
        self.reaching.tell(self.replica.position());
        self.check();
    }

    fn carry_out(&mut self, effects: Vec<Effect>) {
        for effect in effects {
            self.ground
                .note(|| format!("{} -> {}", self.name, brief(&effect)));
            self.carry_out_one(effect);
        }
    }
}

/// The reader's own delays, but for the rules that are one.
fn timing(ground: &Ground) -> Timing {
    const NEVER: Duration = Duration::from_secs(1_000_000);
    let mut timing = Timing::DEFAULT;
    let rules = ground.rules;
    if !rules.hold(Rule::HolesReplayed) {
        timing.hole_patience = NEVER;
    }
    if !rules.hold(Rule::HeadDeadline) {
        timing.head_patience = NEVER;
    }
    if !rules.hold(Rule::SilenceGivenUp) {
        timing.silence_max = NEVER;
    }
    if !rules.hold(Rule::NonceSending) {
        timing.probe_interval = TICK;
    }
    timing
}

/// One line of a trace.
fn brief(what: &impl std::fmt::Debug) -> String {
    const LENGTH_MAX: usize = 200;
    let mut line = format!("{what:?}");
    if let Some((end, _)) = line.char_indices().nth(LENGTH_MAX) {
        line.truncate(end);
    }
    line
}
