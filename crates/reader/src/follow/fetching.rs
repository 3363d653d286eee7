//! Fetches documents that the catalog does not hold, each once for all reads that wait for it.
//!
//! The rules are `Replica::judge`'s; here is who waits, and how much Redis is asked: at most
//! [`AT_ONCE_MAX`] documents at once and a number in a second, so that a flood of ids that nobody
//! has costs a bounded rate, and reads beyond it are refused.

use std::{collections::HashMap, fmt, future::Future, pin::Pin, sync::Arc, time::Duration};

use bus::{BusError, Follower, Lookup};
use futures_util::{StreamExt, stream::FuturesUnordered};
use shared::{Position, ResourceKey};
use tokio::{
    sync::mpsc,
    time::{Instant, sleep, timeout},
};
use tracing::debug;

use super::Driver;
use crate::{
    fetch::{
        AT_ONCE_MAX, ATTEMPT_MAX, ATTEMPTS_MAX, Ask, Asked, FetchCounts, Fetched, Reply,
        WAITING_MAX,
    },
    replica::{Effect, Judged},
};

/// Before an attempt that follows a failed one.
const PAUSE: Duration = Duration::from_millis(20);

/// What the bus said of a key.
type Told = (ResourceKey, Result<Lookup, BusError>);

type Asking = Pin<Box<dyn Future<Output = Told> + Send>>;

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
    asked: Position,
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

    fn begin(&mut self, bus: &Arc<dyn Follower>, ask: Ask, asked: Position) {
        if !self.rate.takes_one(Instant::now()) {
            return self.refuse(ask.reply);
        }
        let flight = Flight {
            asked,
            is_overtaken: false,
            attempts_left: ATTEMPTS_MAX - 1,
            waiting: vec![ask.reply],
        };
        self.waiting += 1;
        self.flights.insert(ask.key.clone(), flight);
        self.look_up(bus, ask.key, Duration::ZERO);
    }

    fn look_up(&self, bus: &Arc<dyn Follower>, key: ResourceKey, pause: Duration) {
        let bus = Arc::clone(bus);
        self.under_way.push(Box::pin(async move {
            if !pause.is_zero() {
                sleep(pause).await;
            }
            let asking = timeout(ATTEMPT_MAX, bus.lookup(&key));
            let late = Err(BusError::Timeout("fetching a document"));
            let told = asking.await.unwrap_or(late);
            (key, told)
        }));
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
    Told(Box<Told>),
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
        match self.replica.position() {
            Some(position) => fetching.begin(&self.following.bus, ask, position),
            None => fetching.refuse(ask.reply),
        }
    }

    fn take_told(&mut self, key: ResourceKey, told: Result<Lookup, BusError>) {
        let judged = match (self.fetching.flights.get(&key), told) {
            (Some(flight), Ok(lookup)) if !flight.is_overtaken => {
                let judged = self.replica.judge(flight.asked, &lookup);
                lookup
                    .envelope
                    .map_or((judged, None), |one| (judged, Some(one)))
            }
            (_, Ok(_)) => (Judged::Unusable, None),
            (_, Err(error)) => {
                debug!(error = &error as &dyn std::error::Error, "a fetch failed");
                (Judged::Unusable, None)
            }
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
        let (1.., Some(asked)) = (flight.attempts_left, self.replica.position()) else {
            return self.fetching.settle(&key, Fetched::Refused);
        };
        flight.attempts_left -= 1;
        flight.asked = asked;
        flight.is_overtaken = false;
        self.fetching.look_up(&self.following.bus, key, PAUSE);
    }

    /// Before an effect is carried out: fetches under way must not be older than it.
    pub(super) fn overtake_fetches(&mut self, effect: &Effect) {
        match effect {
            Effect::Apply(envelope, _)
            | Effect::ApplyLocal(envelope)
            | Effect::Repair(envelope, ..) => {
                self.fetching.overtake(&envelope.key);
            }
            Effect::DropUnseen(..) => self.fetching.overtake_all(),
            _ => {}
        }
    }
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
