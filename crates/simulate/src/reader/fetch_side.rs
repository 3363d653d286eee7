//! Reads of a reader over its budget, and the fetches that they wait for.

use std::collections::BTreeMap;

use bus::{Follower, Lookup};
use futures_util::FutureExt;
use reader::{
    fetch::ATTEMPTS_MAX,
    replica::{Judged, Source, Sources, State, Tip, Told},
};
use shared::{Envelope, Position};

use super::{Event, Reader};
use crate::{
    Rule,
    history::{Key, resource},
};

/// What is being fetched, by key.
#[derive(Debug, Default)]
pub(super) struct Flights {
    by_key: BTreeMap<Key, Flight>,
}

#[derive(Debug)]
struct Flight {
    asked: Tip,
    from: Source,
    is_overtaken: bool,
    attempts_left: u32,
    waiting: u32,
}

impl Flights {
    /// An envelope was applied to this key.
    pub(super) fn overtake(&mut self, key: Key) {
        if let Some(flight) = self.by_key.get_mut(&key) {
            flight.is_overtaken = true;
        }
    }

    pub(super) fn overtake_all(&mut self) {
        for flight in self.by_key.values_mut() {
            flight.is_overtaken = true;
        }
    }
}

impl Reader {
    /// A client reads a document.
    pub(crate) fn look(&mut self, key: Key) {
        if !self.is_ready || !self.catalog.is_bounded() || self.catalog.get(key).is_some() {
            return;
        }
        if !self.catalog.is_partial || !self.ground.rules.hold(Rule::MissesUnknown) {
            return self.answer_absent(key);
        }
        if let Some(flight) = self.flights.by_key.get_mut(&key) {
            flight.waiting += 1;
        } else if let Some(asked) = self.replica.tip() {
            let flight = Flight {
                asked,
                from: self.replica.source(),
                is_overtaken: false,
                attempts_left: ATTEMPTS_MAX - 1,
                waiting: 1,
            };
            self.flights.by_key.insert(key, flight);
            let delay = self.ground.delay();
            self.plan(delay, Event::Fetch(key));
        }
    }

    /// Bus or writer is asked.
    pub(super) fn fetch(&mut self, key: Key) {
        let Some(Flight { asked, from, .. }) = self.flights.by_key.get(&key) else {
            return;
        };
        let told = match from {
            Source::Writer => self.find_at_writer(key, *asked).map(Told::Writer),
            Source::Bus => self.look_up(key).map(Told::Bus),
        };
        let delay = self.ground.delay();
        self.plan(delay, Event::Fetched(key, told.map(Box::new)));
    }

    fn look_up(&self, key: Key) -> Option<Lookup> {
        let read = |bus: &bus::MemoryBus| Follower::lookup(bus, &resource(key)).now_or_never();
        self.bus().and_then(|bus| read(bus)?.ok())
    }

    /// It has answered, if it has.
    pub(super) fn fetched(&mut self, key: Key, told: Option<Told>) {
        let Some(flight) = self.flights.by_key.get(&key) else {
            return;
        };
        let is_valid = !flight.is_overtaken || !self.ground.rules.hold(Rule::FetchNotOvertaken);
        let asked = flight.asked.position;
        let judged = told.filter(|_| is_valid).map(|told| {
            let told = match told {
                Told::Bus(lookup) => Told::Bus(self.presented_lookup(lookup, asked)),
                found @ Told::Writer(_) => found,
            };
            (self.judge(asked, &told), told.into_envelope())
        });
        self.ground
            .note(|| format!("{} fetched {key}: {judged:?}", self.name));
        match judged {
            Some((Judged::Keep(mark), Some(envelope))) => {
                self.catalog.put(&envelope, mark, &self.ground);
                self.answer_waiting(key, &envelope);
            }
            Some((Judged::Absent, _)) => {
                self.flights.by_key.remove(&key);
                self.answer_absent(key);
            }
            _ => self.fetch_again(key),
        }
        self.check();
    }

    fn fetch_again(&mut self, key: Key) {
        let Some(flight) = self.flights.by_key.get_mut(&key) else {
            return;
        };
        if let (1.., Some(asked), None) = (
            flight.attempts_left,
            self.replica.tip(),
            self.catalog.get(key),
        ) {
            flight.attempts_left -= 1;
            flight.from = match flight.from {
                Source::Bus if self.sources == Sources::BusAndWriter => Source::Writer,
                Source::Bus | Source::Writer => Source::Bus,
            };
            flight.asked = asked;
            flight.is_overtaken = false;
            let delay = self.ground.delay();
            self.plan(delay, Event::Fetch(key));
        } else {
            self.flights.by_key.remove(&key);
        }
    }

    /// Reads that waited look up again; without [`Rule::LookedUpAgain`] they are given what was
    /// fetched, whenever they come to run.
    fn answer_waiting(&mut self, key: Key, envelope: &Envelope) {
        let Some(flight) = self.flights.by_key.remove(&key) else {
            return;
        };
        if self.ground.rules.hold(Rule::LookedUpAgain) {
            return;
        }
        for _ in 0..flight.waiting {
            let delay = self.ground.delay();
            self.plan(delay, Event::Answer(key, envelope.position));
        }
    }

    /// What the bus said, as it is without some rules.
    fn presented_lookup(&self, mut lookup: Lookup, asked: Position) -> Lookup {
        let rules = self.ground.rules;
        let epoch = self.replica.position().map(|held| held.epoch);
        if !rules.hold(Rule::FetchMarked) {
            lookup.is_intact = true;
        }
        let Some(meta) = &mut lookup.meta else {
            return lookup;
        };
        if let (false, Some(epoch)) = (rules.hold(Rule::FetchOfEpoch), epoch) {
            meta.epoch = epoch;
            if let Some(envelope) = &mut lookup.envelope {
                envelope.position.epoch = epoch;
            }
        }
        if !rules.hold(Rule::FetchComplete) {
            meta.complete = true;
        }
        if !rules.hold(Rule::FetchNotBehind) && meta.published_through < asked.sequence {
            meta.published_through = asked.sequence;
            let link = self.ground.database().current.link_at(asked.sequence.0);
            meta.tip = link.unwrap_or(meta.tip);
        }
        if !rules.hold(Rule::AbsenceAboveLog) {
            meta.log_from = shared::Sequence(0);
        }
        lookup
    }

    fn judge(&self, asked: Position, told: &Told) -> Judged {
        let hydrates = self.replica.state() == State::Hydrating;
        let lookup = match told {
            Told::Bus(lookup) if hydrates && !self.ground.rules.hold(Rule::FetchNotHydrating) => {
                lookup
            }
            _ => return self.replica.judge(asked, told),
        };
        let is_good = lookup.meta.is_some_and(|meta| {
            meta.complete && meta.epoch == asked.epoch && asked <= meta.position()
        });
        match &lookup.envelope {
            _ if !is_good || !lookup.is_intact => Judged::Unusable,
            Some(_) => Judged::Keep(None),
            None => Judged::Absent,
        }
    }
}
