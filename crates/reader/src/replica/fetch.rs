//! Documents that the catalog does not hold: what may be evicted, and whether what bus or writer
//! say of one may be believed. `catalog/partial` has the argument.

use bus::Lookup;
use shared::{Envelope, Position};

use super::{Activity, Replica, Tip, hydrate::Hydrating, snapshot::usable};
use crate::catalog::Hydration;

/// What was said of one document.
#[derive(Debug, Clone)]
pub enum Told {
    /// By the bus.
    Bus(Lookup),
    /// By a writer.
    Writer(Found),
}

/// What a writer has said of one document, whose history goes on from where the reader stood.
#[derive(Debug, Clone)]
pub struct Found {
    /// The database's head, read before the document.
    pub head: Position,
    /// The document or its tombstone. If there is neither, no tombstone of a change after the
    /// reader's position had been purged.
    pub envelope: Option<Envelope>,
}

impl Told {
    /// The document or its tombstone.
    pub fn into_envelope(self) -> Option<Envelope> {
        match self {
            Self::Bus(lookup) => lookup.envelope,
            Self::Writer(found) => found.envelope,
        }
    }
}

/// What the word of bus or writer on one document is worth.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Judged {
    /// The envelope is at least as new as anything that was here; mark its key with this.
    Keep(Option<Hydration>),
    /// There is no such document.
    Absent,
    /// It may be older than what was here; asking again may help.
    Unusable,
}

impl Replica {
    /// Up to where entries may be evicted: the position, but not above the floor of a hydration
    /// that runs. `None` before the first one has ended.
    pub fn evictable(&self) -> Option<Position> {
        let position = self.slots.position()?;
        Some(match self.activity {
            Activity::Hydrating(Hydrating {
                begun: Some(begun), ..
            }) => position.min(begun.floor.position),
            _ => position,
        })
    }

    /// Judges what was said of a document that was not held when the reader was at `asked` and
    /// asked for it. Nothing must have been applied to the document's key since, and no hydration
    /// have ended.
    pub fn judge(&self, asked: Position, told: &Told) -> Judged {
        let (Some(tip), false) = (
            self.slots.tip_in(self.epoch_seen),
            matches!(self.activity, Activity::Hydrating(_)),
        ) else {
            return Judged::Unusable;
        };
        if asked.epoch != tip.position.epoch {
            return Judged::Unusable;
        }
        match told {
            Told::Bus(lookup) => self.judge_lookup(asked, tip, lookup),
            Told::Writer(found) => self.judge_found(asked, found),
        }
    }

    fn judge_lookup(&self, asked: Position, tip: Tip, lookup: &Lookup) -> Judged {
        // Of the epoch, complete, and not another history.
        let (Ok(meta), true) = (usable(lookup.meta, self.epoch_seen, None), lookup.is_intact)
        else {
            return Judged::Unusable;
        };
        let is_other_history = meta.position() == tip.position && meta.tip != tip.link;
        if is_other_history || meta.epoch != asked.epoch || meta.position() < asked {
            return Judged::Unusable;
        }
        // A tombstone above the position may have been purged: then something older may still
        // come, and would be taken for news.
        if lookup.envelope.is_none() && asked.sequence < meta.log_from {
            return Judged::Unusable;
        }
        self.judge_envelope(asked, lookup.envelope.as_ref())
    }

    fn judge_found(&self, asked: Position, found: &Found) -> Judged {
        if found.head.epoch != asked.epoch || found.head < asked {
            return Judged::Unusable;
        }
        self.judge_envelope(asked, found.envelope.as_ref())
    }

    fn judge_envelope(&self, asked: Position, envelope: Option<&Envelope>) -> Judged {
        match envelope {
            Some(envelope) if envelope.position.epoch == asked.epoch => {
                Judged::Keep(self.scrubbing.mark())
            }
            Some(_) => Judged::Unusable,
            None => Judged::Absent,
        }
    }
}
