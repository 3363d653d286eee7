//! The model catalog: what a reader holds of each document, by the rules of the real one.

use std::collections::BTreeMap;

use reader::catalog::Hydration;
use shared::{Change, Envelope, Link, Position};

use crate::history::{Key, number};

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
    /// Rises with each change, so that nothing is checked twice.
    pub(crate) changes: u64,
}

impl Catalog {
    pub(crate) fn all(&self) -> Vec<(Key, Held)> {
        let held = self.held.iter();
        held.map(|(key, one)| (*key, one.clone())).collect()
    }

    pub(crate) fn get(&self, key: Key) -> Option<&Held> {
        self.held.get(&key)
    }

    /// As `CatalogWriter::apply`; `compares` is false without its comparison.
    pub(crate) fn apply(
        &mut self,
        envelope: &Envelope,
        seen_by: Option<Hydration>,
        compares: bool,
    ) {
        let key = number(&envelope.key);
        let before = self.held.get_mut(&key);
        if let Some(held) = before
            && compares
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
