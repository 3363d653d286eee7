//! The database of the model world: a history that may be taken back.

use std::time::Duration;

use bytes::Bytes;
use shared::{
    Change, ContentCoding, Delivery, Envelope, Epoch, Heartbeat, Link, Position, Representation,
    ResourceKey, Sequence, Slot, Timestamp, Version, feed::Probe,
};

pub(super) struct Database {
    pub(super) epoch: Epoch,
    pub(super) history: Vec<Committed>,
    /// Changes up to here are no longer kept, nor are tombstones among them.
    pub(super) pruned_through: usize,
    /// The length that history had when an epoch began.
    beginnings: Vec<(Epoch, usize)>,
    random: u64,
}

#[derive(Debug, Clone)]
pub(super) struct Committed {
    pub(super) key: u8,
    pub(super) delete: bool,
    pub(super) link: Link,
    pub(super) at: Duration,
}

impl Database {
    pub(super) fn new() -> Self {
        Self {
            epoch: Epoch(1_700_000_000_000_000),
            history: Vec::new(),
            pruned_through: 0,
            beginnings: Vec::new(),
            random: 1,
        }
    }

    pub(super) fn commit(&mut self, at: Duration, key: u8, delete: bool) {
        let link = self.link();
        self.history.push(Committed {
            key,
            delete,
            link,
            at,
        });
    }

    pub(super) fn head(&self) -> Position {
        Position::new(self.epoch, sequence(self.history.len()))
    }

    pub(super) fn heartbeat(&self, probes: Vec<Probe>) -> Heartbeat {
        Heartbeat {
            head: self.head(),
            link: self.link_at(self.history.len()),
            database_time: Timestamp(0),
            probes,
        }
    }

    /// Comes back from a backup that lacks the last changes: a new epoch.
    pub(super) fn restore(&mut self, lost: usize) {
        self.epoch = Epoch(self.epoch.0 + 1);
        self.history
            .truncate(self.history.len().saturating_sub(lost));
        self.pruned_through = self.pruned_through.min(self.history.len());
        self.beginnings.push((self.epoch, self.history.len()));
    }

    /// How many changes were committed before this time and still stand.
    pub(super) fn committed_before(&self, at: Duration) -> usize {
        let before = |change: &&Committed| change.at < at;
        self.history.iter().take_while(before).count()
    }

    /// How many of the changes that still stand are of this epoch or an earlier one.
    pub(super) fn reach_of(&self, epoch: Epoch) -> usize {
        let later = self.beginnings.iter().filter(|(begun, _)| epoch < *begun);
        let lowest = later.map(|(_, length)| *length).min();
        lowest.unwrap_or(self.history.len())
    }

    /// Whether one of the changes from `first` up to, not including, `end` deletes the key.
    pub(super) fn is_deleted_between(&self, key: u8, first: usize, end: usize) -> bool {
        let end = end.min(self.history.len()).max(first);
        self.history[first..end]
            .iter()
            .any(|change| change.key == key && change.delete)
    }

    /// The last change of a key at or below `through`: its index and whether it deleted.
    pub(super) fn state_of(&self, key: u8, through: usize) -> Option<(usize, bool)> {
        let changes = self.history[..through].iter().enumerate().rev();
        let mut of_key = changes.filter(|(_, change)| change.key == key);
        of_key.next().map(|(index, change)| (index, change.delete))
    }

    pub(super) fn delivery(&self, slot: usize, index: usize) -> Delivery {
        Delivery {
            slot: self.slot(slot),
            envelope: Ok(self.envelope(index)),
        }
    }

    pub(super) fn slot(&self, number: usize) -> Slot {
        Slot {
            position: Position::new(self.epoch, sequence(number)),
            prev_link: self.link_at(number - 1),
            link: self.link_at(number),
        }
    }

    pub(super) fn envelope(&self, index: usize) -> Envelope {
        let change = &self.history[index];
        let slot = self.slot(index + 1);
        let content = Representation::of(ContentCoding::Identity, Bytes::from_static(b"{}"));
        Envelope {
            position: slot.position,
            prev_link: slot.prev_link,
            link: slot.link,
            version: Version(1),
            updated_at: Timestamp(0),
            expires_at: None,
            key: ResourceKey::parse("docs", &change.key.to_string()).unwrap(),
            change: if change.delete {
                Change::Delete
            } else {
                Change::Put(vec![content])
            },
            extensions: Vec::new(),
        }
    }

    pub(super) fn link_at(&self, number: usize) -> Link {
        match number.checked_sub(1) {
            Some(index) => self.history[index].link,
            None => Link::ZERO,
        }
    }

    fn link(&mut self) -> Link {
        self.random = self
            .random
            .wrapping_mul(6_364_136_223_846_793_005)
            .wrapping_add(1);
        Link(self.random)
    }
}

pub(super) fn sequence(number: usize) -> Sequence {
    Sequence(number as u64)
}
