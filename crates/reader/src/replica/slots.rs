//! The tip held, and the slots ahead of it that wait for their turn.

use std::{collections::BTreeMap, time::Duration};

use shared::{Epoch, Link, Position, Sequence, Slot};

/// Slots remembered ahead of the position. One more is not remembered: it stays a hole, which
/// replay fills once the position has come near it.
pub(super) const AHEAD_MAX: usize = 65_536;

/// The last change up to which all are applied.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Tip {
    /// Where it stands.
    pub position: Position,
    /// Its link.
    pub link: Link,
}

impl Tip {
    /// What the tip is once everything up to this slot is applied.
    pub(super) fn of(slot: &Slot) -> Self {
        Self {
            position: slot.position,
            link: slot.link,
        }
    }

    /// The tip before the change that has led to this one.
    fn before(self, prev_link: Link) -> Self {
        let sequence = Sequence(self.position.sequence.0.saturating_sub(1));
        Self {
            position: Position::new(self.position.epoch, sequence),
            link: prev_link,
        }
    }
}

#[derive(Debug, Default)]
pub(super) struct Slots {
    tip: Option<Tip>,
    /// Slots of one epoch above the tip, applied already: number to (`prev_link`, `link`).
    ahead: BTreeMap<Sequence, (Link, Link)>,
    /// Since when the slot after the tip is missing while a later one is here.
    hole_since: Option<Duration>,
}

/// What became of the tip.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Advance {
    /// Nothing in line.
    Stayed,
    /// It moved.
    Moved,
    /// Two histories: the next slot continues from another link than the tip's, or a slot has come
    /// with two links. One of these two, both applied, is of a history that the database has lost.
    Forked([Tip; 2]),
}

impl Slots {
    pub(super) fn tip(&self) -> Option<Tip> {
        self.tip
    }

    pub(super) fn position(&self) -> Option<Position> {
        self.tip.map(|tip| tip.position)
    }

    /// The position, if it is of this epoch.
    pub(super) fn position_in(&self, epoch: Epoch) -> Option<Position> {
        self.position().filter(|position| position.epoch == epoch)
    }

    /// The tip, if it is of this epoch.
    pub(super) fn tip_in(&self, epoch: Epoch) -> Option<Tip> {
        self.tip.filter(|tip| tip.position.epoch == epoch)
    }

    pub(super) fn hole_since(&self) -> Option<Duration> {
        self.hole_since
    }

    /// Forgets the slots ahead: they belong to an epoch that has ended.
    pub(super) fn forget_ahead(&mut self) {
        self.ahead.clear();
        self.hole_since = None;
    }

    /// Fills a slot of this epoch, whose envelope is applied, and moves the tip as far as it goes.
    pub(super) fn fill(&mut self, slot: &Slot, epoch: Epoch, now: Duration) -> Advance {
        // The usual case, in a burst every case: the next one, with nothing ahead to look through.
        let tip = self.tip.as_mut().filter(|tip| {
            let next = Position::new(epoch, tip.position.sequence.next());
            tip.position.epoch == epoch && slot.position == next && slot.prev_link == tip.link
        });
        if let (Some(tip), true) = (tip, self.ahead.is_empty()) {
            tip.position = slot.position;
            tip.link = slot.link;
            self.hole_since = None;
            return Advance::Moved;
        }
        match self.remember(slot) {
            Ok(()) => self.advance(epoch, now),
            Err(other) => {
                self.advance(epoch, now);
                Advance::Forked([other, Tip::of(slot)])
            }
        }
    }

    /// Remembers a slot whose envelope is applied, unless the tip is past it. Fails with what is
    /// remembered, if that has other links.
    ///
    /// A number is given to one change only: links are drawn before the commit, and a change is
    /// told of after it. So one of the two is of a history that the database has lost, and nothing
    /// here tells which. Neither is kept: the slot is a hole again, which the log or a writer fills.
    fn remember(&mut self, slot: &Slot) -> Result<(), Tip> {
        let passed = self
            .position_in(slot.position.epoch)
            .is_some_and(|position| slot.position <= position);
        if passed {
            return Ok(());
        }
        let links = (slot.prev_link, slot.link);
        match self.ahead.get(&slot.position.sequence).copied() {
            Some(held) if held != links => {
                self.ahead.remove(&slot.position.sequence);
                return Err(Tip {
                    link: held.1,
                    ..Tip::of(slot)
                });
            }
            None if self.ahead.len() < AHEAD_MAX => {
                self.ahead.insert(slot.position.sequence, links);
            }
            _ => {}
        }
        Ok(())
    }

    /// Moves the tip over the slots that follow it, as far as their links match.
    pub(super) fn advance(&mut self, epoch: Epoch, now: Duration) -> Advance {
        let Some(tip) = self.tip.as_mut().filter(|tip| tip.position.epoch == epoch) else {
            return Advance::Stayed;
        };
        let before = tip.position.sequence;
        let mut forked = None;
        while let Some((prev_link, link)) = self.ahead.remove(&tip.position.sequence.next()) {
            if prev_link != tip.link {
                let position = Position::new(epoch, tip.position.sequence.next());
                forked = Some([*tip, Tip { position, link }]);
                break;
            }
            tip.position.sequence = tip.position.sequence.next();
            tip.link = link;
        }
        let moved = tip.position.sequence > before;
        if self.ahead.is_empty() {
            self.hole_since = None;
        } else if moved || self.hole_since.is_none() {
            self.hole_since = Some(now);
        }
        match (forked, moved) {
            (Some(two), _) => Advance::Forked(two),
            (None, true) => Advance::Moved,
            (None, false) => Advance::Stayed,
        }
    }

    /// Everything at or below `floor` is in the catalog: lifts the tip to it, unless it is past it
    /// within the epoch already.
    ///
    /// Gives the slots that no link joins to the floor, though changes of theirs are applied: the
    /// last of each run of links. What was read may be older than them, and would not replace them.
    pub(super) fn lift(&mut self, floor: Tip) -> Vec<Tip> {
        let lower = self
            .position()
            .is_none_or(|position| position < floor.position);
        if !lower {
            return Vec::new();
        }
        self.tip = Some(floor);
        let above = self.ahead.split_off(&floor.position.sequence.next());
        let below = std::mem::replace(&mut self.ahead, above);
        let mut joined = floor;
        let mut unjoined = Vec::new();
        for (sequence, (prev_link, link)) in below.into_iter().rev() {
            let position = Position::new(floor.position.epoch, sequence);
            let tip = Tip { position, link };
            if tip != joined {
                unjoined.push(tip);
            }
            joined = tip.before(prev_link);
        }
        unjoined
    }
}
