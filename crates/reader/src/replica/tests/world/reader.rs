//! The reader of the model world: it does what the machine asks for, and after every step checks
//! what a reader promises.

use shared::{Change, Envelope, Link, Position};

use super::{
    BUCKETS, KEYS, World,
    bus::{RunningHydration, RunningScrub},
    database::sequence,
};
use crate::{
    catalog::Hydration,
    replica::{Effect, Input},
};

#[derive(Debug)]
pub(super) struct Held {
    pub(super) position: Position,
    link: Link,
    pub(super) deleted: bool,
    seen_by: Option<Hydration>,
}

impl World {
    pub(super) fn step(&mut self, input: Input) {
        let mut effects = Vec::new();
        self.replica.step(self.now, input, &mut effects);
        self.carry_out(effects);
        self.check();
    }

    pub(super) fn carry_out(&mut self, effects: Vec<Effect>) {
        for effect in effects {
            match effect {
                Effect::Connect(_) => {
                    self.bus.connecting = true;
                    self.bus.subscribed = false;
                }
                Effect::Hydrate(attempt, from, _) => {
                    self.bus.hydration = Some(RunningHydration {
                        attempt,
                        from,
                        meta: None,
                        next_bucket: 0,
                    });
                }
                Effect::Replay(attempt, after) => self.bus.replay = Some((attempt, after)),
                Effect::Poll(attempt, after) => {
                    assert!(self.writer.told.is_empty(), "one poll at a time");
                    self.writer.poll = Some((attempt, after));
                }
                Effect::Scrub(attempt, turn) => {
                    self.bus.scrub = Some(RunningScrub {
                        attempt,
                        index: turn % BUCKETS,
                        begun: None,
                        envelopes: None,
                    });
                }
                Effect::Apply(envelope, seen_by) => self.apply(&envelope, seen_by),
                Effect::Repair(envelope, mark, _) => self.apply(&envelope, Some(mark)),
                Effect::DropUnseen(mark, floor) | Effect::DropUnscrubbed(mark, floor) => {
                    self.catalog
                        .retain(|_, held| held.seen_by == Some(mark) || floor < held.position);
                }
                Effect::ForgetTombstones(through) => self
                    .catalog
                    .retain(|_, held| !held.deleted || through < held.position),
                Effect::Probe(nonce) => self.bus.nonce = Some(nonce),
                Effect::ReportLost(..) | Effect::SetReady(_) => {}
            }
        }
    }

    fn apply(&mut self, envelope: &Envelope, seen_by: Option<Hydration>) {
        let key = envelope.key.id().parse().unwrap();
        let older = |held: &Held| envelope.position <= held.position;
        let inherited = self.catalog.get(&key).and_then(|held| held.seen_by);
        match self.catalog.get_mut(&key) {
            Some(held) if older(held) => held.seen_by = seen_by.or(held.seen_by),
            _ => {
                let held = Held {
                    position: envelope.position,
                    link: envelope.link,
                    deleted: envelope.change == Change::Delete,
                    seen_by: seen_by.or(inherited),
                };
                self.catalog.insert(key, held);
            }
        }
    }

    /// Position p means: every change at or below p is applied or superseded by something applied.
    fn check(&mut self) {
        let position = self.replica.position();
        if let (Some(before), Some(position)) = (self.position_before, position) {
            assert!(
                before <= position,
                "the position never falls: {before} to {position}"
            );
        }
        self.position_before = position;
        self.check_freshness();
        let Some(position) = position.filter(|position| position.epoch == self.database.epoch)
        else {
            return;
        };
        let through = usize::try_from(position.sequence.0).unwrap();
        assert!(
            through <= self.database.history.len(),
            "the position is real"
        );
        for key in 0..KEYS {
            let Some((index, delete)) = self.database.state_of(key, through) else {
                continue;
            };
            match self.catalog.get(&key) {
                Some(held) if held.position.epoch == self.database.epoch => {
                    assert!(
                        sequence(index + 1) <= held.position.sequence,
                        "{key} is not behind"
                    );
                    let at = usize::try_from(held.position.sequence.0).unwrap();
                    assert_eq!(
                        held.link,
                        self.database.link_at(at),
                        "{key} is of this history"
                    );
                }
                // A purged tombstone leaves no trace: absence then tells of the later delete, even
                // where the document has been created again since.
                held => assert!(
                    held.is_none() && (delete || self.is_forgotten_after(key, index)),
                    "{key} is there: {held:?}"
                ),
            }
        }
    }

    /// Whether a deletion of the key after `index` has left the bus or the database's pages.
    fn is_forgotten_after(&self, key: u8, index: usize) -> bool {
        let forgotten = self.bus.purged_through.max(self.database.pruned_through);
        self.database.is_deleted_between(key, index + 1, forgotten)
    }

    /// Everything committed before the time that is confirmed is here.
    fn check_freshness(&self) {
        let Some(at) = self.replica.confirmed_at() else {
            return;
        };
        let position = self.replica.position().expect("only a position confirms");
        let committed = self.database.committed_before(at);
        let reach = self.database.reach_of(position.epoch);
        assert!(
            committed <= reach && sequence(committed) <= position.sequence,
            "{committed} changes were committed before {at:?}; {position} is held"
        );
    }
}
