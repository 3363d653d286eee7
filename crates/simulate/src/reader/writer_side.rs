//! What a reader reads from a writer's internal plane: the model of its pages, over the model
//! database. A writer is there whenever the database is.

use reader::replica::{Found, Input, PollAttempt, SnapshotFailure, Tip};
use shared::{Delivery, Epoch, Heartbeat};
use writer::{
    envelope::envelope_of,
    render::Codings,
    store::{ChangePage, Continuation, Feed},
};

use super::{Event, Reader};
use crate::{
    Rule,
    history::{Key, number},
};

/// How far a writer's snapshot has been read.
#[derive(Debug, Default)]
pub(super) struct WriterPages {
    /// The epoch in which it began.
    epoch: Option<Epoch>,
    after: Option<Key>,
    ended: bool,
}

impl Reader {
    fn has_writer(&self) -> bool {
        let is_lost = self.ground.happens(self.ground.weather().lose_request);
        !is_lost && !self.ground.database().is_away
    }

    pub(super) fn poll(&mut self, attempt: PollAttempt, known: Tip) {
        let delay = self.ground.delay();
        if !self.has_writer() {
            self.plan(delay, Event::Tell(Input::PollFailed(attempt)));
            return;
        }
        let sequence = known.position.sequence.0;
        let page = self.ground.database().changes(sequence, self.ground.now());
        let head = page.feed.tip.position;
        let known = writer::store::Tip {
            position: known.position,
            link: known.link,
        };
        let continuation = if self.ground.rules.hold(Rule::PollRefused) {
            page.continuation(&known)
        } else {
            Continuation::Continues
        };
        match continuation {
            Continuation::Continues => self.answer_poll(attempt, page),
            Continuation::Pruned => {
                let refused = Input::PollRefused(attempt, Some(head));
                self.plan(delay, Event::Tell(refused));
            }
            Continuation::Forked => {
                let tip = self.ground.database().confirm(known);
                let refused = Input::PollRefused(attempt, Some(tip.position));
                self.plan(delay, Event::Tell(refused));
            }
        }
    }

    /// One document, after the head; nothing where the history does not go on from `known`.
    pub(super) fn find_at_writer(&self, key: Key, known: Tip) -> Option<Found> {
        if !self.has_writer() {
            return None;
        }
        let database = self.ground.database();
        let page = database.changes(known.position.sequence.0, self.ground.now());
        let known = writer::store::Tip {
            position: known.position,
            link: known.link,
        };
        if page.continuation(&known) != Continuation::Continues {
            return None;
        }
        let document = database.document(key, self.ground.now());
        Some(Found {
            head: page.feed.tip.position,
            envelope: document.map(|document| envelope_of(document, Codings::ALL)),
        })
    }

    /// What is answered arrives in its order, or is cut.
    fn answer_poll(&mut self, attempt: PollAttempt, page: ChangePage) {
        let begin = Input::PollBegin(attempt, heartbeat(&page.feed));
        let deliveries = page.changes.into_iter().map(|change| {
            let envelope = envelope_of(change.document, Codings::ALL);
            self.delivered(Delivery {
                slot: change.slot,
                envelope: Ok(envelope),
            })
        });
        let deliveries = Input::PollDeliveries(attempt, deliveries.collect());
        let mut at = self.ground.now();
        for input in [begin, deliveries, Input::PollEnd(attempt)] {
            at += self.ground.delay();
            if !self.has_writer() {
                self.plan_at(at, Event::Tell(Input::PollFailed(attempt)));
                return;
            }
            self.plan_at(at, Event::Tell(input));
        }
    }

    /// Reads the next piece of a writer's snapshot, and says whether there is more.
    pub(super) fn read_writer(&mut self, index: usize) -> bool {
        let attempt = self.hydrations[index].attempt;
        if !self.has_writer() {
            return self.fail_writer(index);
        }
        let now = self.ground.now();
        let head_first = self.ground.rules.hold(Rule::WriterHeadFirst);
        let feed = self.ground.database().feed(now);
        let Some(epoch) = self.hydrations[index].pages.epoch else {
            self.hydrations[index].pages.epoch = Some(feed.tip.position.epoch);
            if head_first {
                let begin = Input::WriterSnapshotBegin(attempt, heartbeat(&feed));
                self.pass_on(index, begin);
            }
            return true;
        };
        if self.hydrations[index].pages.ended {
            if !head_first {
                let begin = Input::WriterSnapshotBegin(attempt, heartbeat(&feed));
                self.pass_on(index, begin);
                for chunk in std::mem::take(&mut self.hydrations[index].held_back) {
                    self.pass_on(index, chunk);
                }
            }
            return self.end_hydration(index, Input::WriterSnapshotEnd(attempt, epoch));
        }
        let after = self.hydrations[index].pages.after;
        let page = self.ground.database().documents(after, now);
        if page.epoch != epoch {
            return self.fail_writer(index);
        }
        let documents = page.documents.into_iter();
        let envelopes = documents.map(|document| envelope_of(document, Codings::ALL));
        let chunk = Input::SnapshotChunk(attempt, envelopes.collect());
        let pages = &mut self.hydrations[index].pages;
        pages.after = page.next.as_ref().map(number);
        pages.ended = page.next.is_none();
        if head_first {
            self.pass_on(index, chunk);
        } else {
            self.hydrations[index].held_back.push(chunk);
        }
        true
    }

    fn fail_writer(&mut self, index: usize) -> bool {
        let attempt = self.hydrations[index].attempt;
        let failed = Input::SnapshotFailed(attempt, SnapshotFailure::Unavailable);
        self.end_hydration(index, failed)
    }
}

fn heartbeat(feed: &Feed) -> Heartbeat {
    Heartbeat {
        head: feed.tip.position,
        link: feed.tip.link,
        database_time: feed.now,
        probes: Vec::new(),
    }
}
