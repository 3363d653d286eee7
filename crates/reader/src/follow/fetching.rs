//! Fetches documents that the catalog does not hold, each once for all reads that wait for it.
//!
//! The rules are `Replica::judge`'s; here is who waits, who is asked, and how much: at most
//! [`AT_ONCE_MAX`] documents at once and a number in a second, so that a flood of ids that nobody
//! has costs a bounded rate, and reads beyond it are refused. The source that confirms is asked
//! first; where that fails, the other one.

use std::{collections::HashMap, fmt, future::Future, pin::Pin, sync::Arc, time::Duration};

use bus::Follower;
use futures_util::{StreamExt, stream::FuturesUnordered};
use shared::ResourceKey;
use tokio::{
    sync::mpsc,
    time::{Instant, sleep, timeout},
};
use tracing::debug;

use super::{Driver, WriterSource};
use crate::{
    fetch::{
        AT_ONCE_MAX, ATTEMPT_MAX, ATTEMPTS_MAX, Ask, Asked, FetchCounts, Fetched, Reply,
        WAITING_MAX,
    },
    replica::{Effect, Judged, Source, Tip, Told},
};

/// Before an attempt that follows a failed one.
const PAUSE: Duration = Duration::from_millis(20);

/// What became of an attempt; nothing where nobody answered.
type Attempted = (ResourceKey, Option<Told>);

type Asking = Pin<Box<dyn Future<Output = Attempted> + Send>>;

/// What is being fetched.
pub(super) struct Fetching {
    counts: Arc<FetchCounts>,
    rate: Rate,
    flights: HashMap<ResourceKey, Flight>,
    /// Reads that wait for a flight.
    waiting: usize,
    under_way: FuturesUnordered<Asking>,
}

struct Flight {
    /// Where the reader stood at this attempt.
    asked: Tip,
    /// Who is asked at this attempt.
    from: Source,
    /// Whether something was applied to the key since, or a hydration has ended.
    is_overtaken: bool,
    attempts_left: u32,
    waiting: Vec<Reply>,
}

impl Fetching {
    pub(super) fn new(asked: &Asked) -> Self {
        Self {
            counts: asked.counts(),
            rate: Rate::new(asked.per_second, Instant::now()),
            flights: HashMap::new(),
            waiting: 0,
            under_way: FuturesUnordered::new(),
        }
    }

    /// The next read that asks; never, while enough is under way.
    ///
    /// # Cancel safety
    /// Cancel safe: nothing is taken before it is given.
    pub(super) async fn next(&mut self, asks: &mut mpsc::Receiver<Ask>) -> Next {
        let has_room = self.flights.len() < AT_ONCE_MAX;
        tokio::select! {
            Some(told) = self.under_way.next() => Next::Told(Box::new(told)),
            Some(ask) = asks.recv(), if has_room => Next::Ask(ask),
            else => std::future::pending().await,
        }
    }

    /// An envelope was applied to this key.
    pub(super) fn overtake(&mut self, key: &ResourceKey) {
        if !self.flights.is_empty()
            && let Some(flight) = self.flights.get_mut(key)
        {
            flight.is_overtaken = true;
        }
    }

    /// A hydration has ended.
    pub(super) fn overtake_all(&mut self) {
        for flight in self.flights.values_mut() {
            flight.is_overtaken = true;
        }
    }

    fn refuse(&self, reply: Reply) {
        FetchCounts::add(&self.counts.refused);
        reply(Fetched::Refused);
    }

    /// Whether a document may be fetched now: one more, if so.
    fn takes_one(&mut self) -> bool {
        self.rate.takes_one(Instant::now())
    }

    fn settle(&mut self, key: &ResourceKey, fetched: Fetched) {
        let Some(flight) = self.flights.remove(key) else {
            return;
        };
        self.waiting -= flight.waiting.len();
        for reply in flight.waiting {
            reply(fetched);
        }
    }
}

/// What comes next.
pub(super) enum Next {
    Ask(Ask),
    Told(Box<Attempted>),
}

impl Driver {
    pub(super) fn fetch_next(&mut self, next: Next) {
        match next {
            Next::Ask(ask) => self.take_ask(ask),
            Next::Told(told) => self.take_told(told.0, told.1),
        }
    }

    fn take_ask(&mut self, ask: Ask) {
        let fetching = &mut self.fetching;
        // Looked at here, where nothing else changes the set.
        if self.following.catalog.holds(&ask.key) {
            return (ask.reply)(Fetched::Held);
        }
        if fetching.waiting >= WAITING_MAX {
            return fetching.refuse(ask.reply);
        }
        if let Some(flight) = fetching.flights.get_mut(&ask.key) {
            fetching.waiting += 1;
            flight.waiting.push(ask.reply);
            return;
        }
        match self.replica.tip() {
            Some(tip) if fetching.takes_one() => self.begin_fetch(ask, tip),
            _ => fetching.refuse(ask.reply),
        }
    }

    fn begin_fetch(&mut self, ask: Ask, asked: Tip) {
        let flight = Flight {
            asked,
            from: self.replica.source(),
            is_overtaken: false,
            attempts_left: ATTEMPTS_MAX - 1,
            waiting: vec![ask.reply],
        };
        self.fetching.waiting += 1;
        self.attempt(ask.key.clone(), (flight.from, asked), Duration::ZERO);
        self.fetching.flights.insert(ask.key, flight);
    }

    fn attempt(&self, key: ResourceKey, (from, asked): (Source, Tip), pause: Duration) {
        let bus = Arc::clone(&self.following.bus);
        let writer = self.following.writer.clone();
        self.fetching.under_way.push(Box::pin(async move {
            if !pause.is_zero() {
                sleep(pause).await;
            }
            let asking = async {
                match (from, writer) {
                    (Source::Writer, Some(writer)) => ask_writer(&writer, &key, asked).await,
                    _ => ask_bus(&*bus, &key).await,
                }
            };
            let told = timeout(ATTEMPT_MAX, asking).await.unwrap_or_default();
            (key, told)
        }));
    }

    fn take_told(&mut self, key: ResourceKey, told: Option<Told>) {
        let judged = match (self.fetching.flights.get(&key), told) {
            (Some(flight), Some(told)) if !flight.is_overtaken => {
                let judged = self.replica.judge(flight.asked.position, &told);
                (judged, told.into_envelope())
            }
            _ => (Judged::Unusable, None),
        };
        let counts = &self.fetching.counts;
        match judged {
            (Judged::Keep(mark), Some(envelope)) => {
                FetchCounts::add(&counts.kept);
                self.following.catalog.keep_fetched(&envelope, mark);
                self.fetching.settle(&key, Fetched::Held);
            }
            (Judged::Absent, _) => {
                FetchCounts::add(&counts.absent);
                self.fetching.settle(&key, Fetched::Absent);
            }
            _ => {
                FetchCounts::add(&counts.failed);
                self.ask_again(key);
            }
        }
    }

    /// What has overtaken the fetch is mostly the document itself.
    fn ask_again(&mut self, key: ResourceKey) {
        let Some(flight) = self.fetching.flights.get_mut(&key) else {
            return;
        };
        if self.following.catalog.holds(&key) {
            return self.fetching.settle(&key, Fetched::Held);
        }
        let (1.., Some(asked)) = (flight.attempts_left, self.replica.tip()) else {
            return self.fetching.settle(&key, Fetched::Refused);
        };
        flight.attempts_left -= 1;
        flight.asked = asked;
        flight.is_overtaken = false;
        flight.from = match flight.from {
            Source::Bus if self.following.writer.is_some() => Source::Writer,
            Source::Bus | Source::Writer => Source::Bus,
        };
        let from = flight.from;
        self.attempt(key, (from, asked), PAUSE);
    }

    /// Before an effect is carried out: fetches under way must not be older than it.
    pub(super) fn overtake_fetches(&mut self, effect: &Effect) {
        match effect {
            Effect::Apply(envelope, _) | Effect::Repair(envelope, ..) => {
                self.fetching.overtake(&envelope.key);
            }
            Effect::DropUnseen(..) => self.fetching.overtake_all(),
            _ => {}
        }
    }
}

async fn ask_bus(bus: &dyn Follower, key: &ResourceKey) -> Option<Told> {
    let told = bus.lookup(key).await;
    told.inspect_err(|error| debug!(error = %telemetry::chain(error), "a look-up failed"))
        .ok()
        .map(Told::Bus)
}

async fn ask_writer(writer: &WriterSource, key: &ResourceKey, after: Tip) -> Option<Told> {
    let told = writer.find(key, after).await;
    told.inspect_err(|error| {
        debug!(
            error = %telemetry::chain(error),
            "a writer does not tell of a document"
        );
    })
    .ok()
    .map(Told::Writer)
}

impl fmt::Debug for Fetching {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Fetching")
            .field("flights", &self.flights.len())
            .field("waiting", &self.waiting)
            .finish_non_exhaustive()
    }
}

/// So many in a second, and as many at once after a quiet one.
#[derive(Debug)]
struct Rate {
    per_second: u32,
    left: f64,
    counted_at: Instant,
}

impl Rate {
    fn new(per_second: u32, now: Instant) -> Self {
        Self {
            per_second,
            left: per_second.into(),
            counted_at: now,
        }
    }

    fn takes_one(&mut self, now: Instant) -> bool {
        let per_second = f64::from(self.per_second);
        let elapsed = now.saturating_duration_since(self.counted_at);
        self.counted_at = now;
        self.left = (self.left + elapsed.as_secs_f64() * per_second).min(per_second);
        let takes = self.left >= 1.0;
        if takes {
            self.left -= 1.0;
        }
        takes
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_rate_lets_so_many_through_and_fills_again() {
        let start = Instant::now();
        let mut rate = Rate::new(10, start);
        let mut taken = |at: Duration| (0..100).filter(|_| rate.takes_one(start + at)).count();
        assert_eq!(taken(Duration::ZERO), 10);
        assert_eq!(taken(Duration::from_millis(500)), 5);
        assert_eq!(taken(Duration::from_mins(1)), 10);
    }
}
