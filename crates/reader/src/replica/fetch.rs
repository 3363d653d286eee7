//! Documents that the catalog does not hold: what may be evicted, and whether what the bus says of
//! one may be believed. `catalog/partial` has the argument.

use bus::Lookup;
use shared::Position;

use super::{Activity, Replica, hydrate::Hydrating, snapshot::usable};
use crate::catalog::Hydration;

/// What the bus' word on one document is worth.
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

    /// Judges what the bus said of a document that was not held when the reader was at `asked` and
    /// asked for it. Nothing must have been applied to the document's key since, and no hydration
    /// have ended.
    pub fn judge(&self, asked: Position, lookup: &Lookup) -> Judged {
        let tip = self.slots.tip_in(self.epoch_seen);
        let hydrates = matches!(self.activity, Activity::Hydrating(_));
        let (Some(tip), false, true) = (tip, hydrates, lookup.is_intact) else {
            return Judged::Unusable;
        };
        // Of the epoch, complete, and not another history.
        let Ok(meta) = usable(lookup.meta, self.epoch_seen, None) else {
            return Judged::Unusable;
        };
        let is_other_history = meta.position() == tip.position && meta.tip != tip.link;
        let is_of_epoch = meta.epoch == tip.position.epoch && asked.epoch == tip.position.epoch;
        if is_other_history || !is_of_epoch || meta.position() < asked {
            return Judged::Unusable;
        }
        match &lookup.envelope {
            Some(envelope) if envelope.position.epoch == meta.epoch => {
                Judged::Keep(self.scrubbing.mark())
            }
            Some(_) => Judged::Unusable,
            // A tombstone above the position may have been purged: then something older may still
            // come, and would be taken for news.
            None if asked.sequence < meta.log_from => Judged::Unusable,
            None => Judged::Absent,
        }
    }
}
