//! The model catalog: what a reader holds of each document, by the rules of the real one.

use std::collections::BTreeMap;

use reader::catalog::Hydration;
use shared::{Change, Envelope, Link, Position, ResourceKey};

use crate::{
    Rule,
    ground::Ground,
    history::{Key, number},
};

#[derive(Debug, Clone)]
pub(crate) struct Held {
    pub(crate) position: Position,
    pub(crate) link: Link,
    pub(crate) deleted: bool,
    seen_by: Option<Hydration>,
}

#[derive(Debug, Default)]
pub(crate) struct Catalog {
    held: BTreeMap<Key, Held>,
    /// Entries that there is room for; none, where nothing is evicted.
    room: Option<usize>,
    /// Up to where entries may be evicted.
    line: Option<Position>,
    /// Whether a key that is not held may exist.
    pub(crate) is_partial: bool,
    /// Rises with each change, so that nothing is checked twice.
    pub(crate) changes: u64,
}

impl Catalog {
    pub(crate) fn all(&self) -> Vec<(Key, Held)> {
        let held = self.held.iter();
        held.map(|(key, one)| (*key, one.clone())).collect()
    }

    pub(crate) fn with_room(room: Option<usize>) -> Self {
        Self {
            room,
            ..Self::default()
        }
    }

    pub(crate) fn is_bounded(&self) -> bool {
        self.room.is_some()
    }

    pub(crate) fn get(&self, key: Key) -> Option<&Held> {
        self.held.get(&key)
    }

    /// As `CatalogWriter::apply`.
    pub(crate) fn apply(
        &mut self,
        envelope: &Envelope,
        seen_by: Option<Hydration>,
        ground: &Ground,
    ) {
        if seen_by.is_none() || self.takes(envelope, ground) {
            self.put(envelope, seen_by, ground);
        }
    }

    /// As `Catalog::gains_nothing`.
    pub(crate) fn gains_nothing(&self, envelope: &Envelope, ground: &Ground) -> bool {
        match self.held.get(&number(&envelope.key)) {
            Some(held) => {
                ground.rules.hold(Rule::SequenceComparison) && envelope.position <= held.position
            }
            None => ground.rules.hold(Rule::SnapshotAddsNothing) && self.is_partial,
        }
    }

    /// As `CatalogWriter::mark`.
    pub(crate) fn mark(&mut self, key: &ResourceKey, seen_by: Hydration) {
        if let Some(held) = self.held.get_mut(&number(key)) {
            held.seen_by = Some(seen_by);
        }
    }

    /// Whether a snapshot may add this key, if it does.
    fn takes(&mut self, envelope: &Envelope, ground: &Ground) -> bool {
        let adds = !self.held.contains_key(&number(&envelope.key));
        if !adds || !ground.rules.hold(Rule::SnapshotAddsNothing) {
            return true;
        }
        self.is_partial |= self.room.is_some_and(|room| room <= self.held.len());
        if self.is_partial {
            self.changes += 1;
        }
        !self.is_partial
    }

    /// As `CatalogWriter::keep_fetched`.
    pub(crate) fn put(&mut self, envelope: &Envelope, seen_by: Option<Hydration>, ground: &Ground) {
        let key = number(&envelope.key);
        let before = self.held.get_mut(&key);
        if let Some(held) = before
            && ground.rules.hold(Rule::SequenceComparison)
            && envelope.position <= held.position
        {
            held.seen_by = seen_by.or(held.seen_by);
            return;
        }
        let inherited = self.held.get(&key).and_then(|held| held.seen_by);
        let held = Held {
            position: envelope.position,
            link: envelope.link,
            deleted: envelope.change == Change::Delete,
            seen_by: seen_by.or(inherited),
        };
        self.held.insert(key, held);
        self.changes += 1;
        self.evict(key, ground);
    }

    /// Any entries but one, until the rest has room.
    fn evict(&mut self, kept: Key, ground: &Ground) {
        let is_bound = ground.rules.hold(Rule::EvictedBelowLine);
        while self.room.is_some_and(|room| room < self.held.len()) {
            let may_go = |(key, held): &(&Key, &Held)| {
                **key != kept && (!is_bound || Some(held.position) <= self.line)
            };
            let all: Vec<Key> = self.held.iter().filter(may_go).map(|one| *one.0).collect();
            if all.is_empty() {
                break;
            }
            let index = ground.random().usize(..all.len());
            self.held.remove(&all[index]);
            self.is_partial = true;
        }
    }

    pub(crate) fn settle(&mut self, line: Option<Position>) {
        self.line = line;
    }

    pub(crate) fn drop_unseen(&mut self, attempt: Hydration, floor: Position) {
        self.held
            .retain(|_, held| held.seen_by == Some(attempt) || floor < held.position);
        self.changes += 1;
    }

    pub(crate) fn forget_tombstones(&mut self, through: Position) {
        self.held
            .retain(|_, held| !held.deleted || through < held.position);
        self.changes += 1;
    }
}
