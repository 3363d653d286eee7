//! What a reader promises, checked after every step.

use std::{collections::BTreeMap, time::Duration};

use reader::replica::Source;
use shared::{Link, Position};

use super::{Reader, Token};
use crate::{
    Rule,
    database::{Database, made_at},
    history::{History, KEYS, Key},
};

/// What was seen of a reader before.
#[derive(Debug, Default)]
pub(super) struct Seen {
    position: Option<Position>,
    confirmed_at: Option<Duration>,
    was_ready: bool,
    /// The latest change of each document that a read could have shown.
    documents: BTreeMap<Key, (Position, Link)>,
    /// The catalog's changes when it was checked last.
    catalog: Option<u64>,
    broken: Option<String>,
}

impl Reader {
    /// The first promise that was broken.
    pub(crate) fn broken(&self) -> Option<&str> {
        self.seen.broken.as_deref()
    }

    pub(super) fn check(&mut self) {
        if self.seen.broken.is_some() {
            return;
        }
        let checks = [
            Self::check_position,
            Self::check_documents,
            Self::check_freshness,
            Self::check_readiness,
            Self::check_tokens,
        ];
        for check in checks {
            if let Err(broken) = check(self) {
                return self.breaks(&broken);
            }
        }
    }

    fn check_position(&mut self) -> Result<(), String> {
        let position = self.replica.position();
        if position < self.seen.position {
            return Err(format!(
                "goes back from {:?} to {position:?}",
                self.seen.position
            ));
        }
        Ok(())
    }

    /// Position p: every change at or below p is applied, or superseded by something applied.
    fn check_documents(&mut self) -> Result<(), String> {
        let position = self.replica.position();
        let is_checked = self.seen.catalog == Some(self.catalog.changes);
        if is_checked && position == self.seen.position {
            return Ok(());
        }
        self.seen.catalog = Some(self.catalog.changes);
        self.seen.position = position;
        for key in 0..KEYS {
            let Some(held) = self.catalog.get(key) else {
                continue;
            };
            let now = (held.position, held.link);
            let seen = self.seen.documents.insert(key, now).unwrap_or(now);
            // What the bus has lost of an evicted document nobody here can know.
            let is_lost = self.catalog.is_partial && self.ground.weather().is_damaged(key);
            if now.0 < seen.0 && !is_lost && !is_taken_back(&self.ground.database(), seen) {
                return Err(format!(
                    "shows {key} as of {} after {}: it goes backwards",
                    now.0, seen.0
                ));
            }
        }
        let Some(position) = position else {
            return Ok(());
        };
        let database = self.ground.database();
        if database.doubtful.contains(&position.epoch) {
            return Ok(());
        }
        let mut why = format!("stands at {position}, in no history");
        for history in database.histories(position.epoch) {
            match self.compare(&database, history, position) {
                Ok(()) => return Ok(()),
                Err(difference) if position.sequence.0 <= history.head() => why = difference,
                Err(_) => {}
            }
        }
        Err(why)
    }

    /// Whether the catalog is what a history says of a position.
    fn compare(
        &self,
        database: &Database,
        history: &History,
        position: Position,
    ) -> Result<(), String> {
        if history.head() < position.sequence.0 {
            return Err(format!("stands at {position}, above the head"));
        }
        (0..KEYS).try_for_each(|key| self.compare_document(database, history, position, key))
    }

    fn compare_document(
        &self,
        database: &Database,
        history: &History,
        position: Position,
        key: Key,
    ) -> Result<(), String> {
        if self.ground.weather().is_damaged(key) {
            return Ok(());
        }
        let due = history.state(key, position.sequence.0);
        match (self.catalog.get(key), due) {
            (None, _) if self.catalog.is_partial => Ok(()),
            (Some(held), _) if position.epoch < held.position.epoch => Ok(()),
            (Some(held), due) => {
                let sequence = held.position.sequence;
                let is_of = |history: &History| {
                    let known = history.change(sequence.0);
                    known.is_some_and(|known| known.key == key && known.link == held.link)
                };
                // What a position says nothing of may be of another history, until links tell.
                let is_known = if sequence <= position.sequence {
                    is_of(history)
                } else {
                    database.histories(position.epoch).any(is_of)
                };
                let is_behind = due.is_some_and(|due| held.position.sequence.0 < due.sequence);
                if held.position.epoch == position.epoch && is_known && !is_behind {
                    return Ok(());
                }
                Err(format!(
                    "says {position} and has {key} as of {}; due is {:?}",
                    held.position,
                    due.map(made_at)
                ))
            }
            (None, Some(due)) if !due.deletes => {
                // A purged tombstone leaves no trace: absence then tells of a later deletion.
                if history.is_forgotten_above(key, due.sequence) {
                    return Ok(());
                }
                Err(format!(
                    "says {position} and lacks {key} of {}",
                    made_at(due)
                ))
            }
            (None, _) => Ok(()),
        }
    }

    /// Everything committed before the time that is confirmed is here.
    fn check_freshness(&mut self) -> Result<(), String> {
        let confirmed_at = self.replica.confirmed_at();
        if confirmed_at == self.seen.confirmed_at {
            return Ok(());
        }
        self.seen.confirmed_at = confirmed_at;
        let Some(at) = confirmed_at else {
            return Ok(());
        };
        let missing = missing_of(&self.ground.database(), at, self.replica.position());
        missing.map_or(Ok(()), |missing| {
            let position = self.replica.position();
            Err(format!(
                "claims to have all before {at:?} and lacks {missing} at {position:?}"
            ))
        })
    }

    /// Once ready, it has reached a head that the database has had since it was started; or it
    /// says that it stands alone.
    fn check_readiness(&mut self) -> Result<(), String> {
        if self.seen.was_ready || !self.is_ready || self.replica.is_local() {
            return Ok(());
        }
        self.seen.was_ready = true;
        let position = self.replica.position();
        let head = self.lowest_head;
        if Some(head) <= position {
            return Ok(());
        }
        Err(format!("is ready at {position:?} with the head at {head}"))
    }

    /// Answers the token reads that can be answered.
    fn check_tokens(&mut self) -> Result<(), String> {
        let now = self.ground.now();
        self.tokens.retain(|token| now < token.until);
        let by_position = self.ground.rules.hold(Rule::TokenByPosition);
        let answered: Vec<Token> = self
            .tokens
            .extract_if(.., |token| {
                if by_position {
                    self.reached.has(token.slot.position)
                } else {
                    Some(token.slot.position) <= self.replica.head()
                }
            })
            .collect();
        answered.iter().try_for_each(|token| self.answer(token))
    }

    fn answer(&self, token: &Token) -> Result<(), String> {
        let Token { key, slot, .. } = *token;
        let Position { epoch, sequence } = slot.position;
        let held = self.catalog.get(key).map(|held| held.position);
        let is_there = held.is_some_and(|held| slot.position <= held);
        let database = self.ground.database();
        let later = database.histories_from(epoch);
        let reached = self.replica.position().unwrap_or(slot.position).sequence;
        let is_gone = later
            .clone()
            .any(|one| is_absent(one, key, sequence.max(reached).0));
        // A restoration may have taken the write back, and another one have its number.
        let is_doubtful = later
            .clone()
            .any(|one| one.link_at(sequence.0) != Some(slot.link));
        let is_damaged = self.ground.weather().is_damaged(key);
        let is_unknown = held.is_none() && self.catalog.is_partial;
        if is_there || is_unknown || is_damaged || is_doubtful || (held.is_none() && is_gone) {
            return Ok(());
        }
        Err(format!(
            "answers a read of {key} at least {} with {held:?}",
            slot.position
        ))
    }

    /// A read was answered that there is no such document.
    pub(super) fn answer_absent(&mut self, key: Key) {
        let Some(position) = self.replica.position() else {
            return;
        };
        let seen = self.seen.documents.get(&key).map(|seen| seen.0);
        let seen = seen.filter(|seen| seen.epoch == position.epoch);
        let at = seen.map_or(position, |seen| seen.max(position)).sequence.0;
        let is_right = {
            let database = self.ground.database();
            database.doubtful.contains(&position.epoch)
                || self.ground.weather().is_damaged(key)
                || database
                    .histories(position.epoch)
                    .any(|one| is_absent(one, key, at))
        };
        if !is_right {
            self.breaks(&format!("says at {position} that there is no {key}"));
        }
    }

    /// A read was answered with a document of this position.
    pub(super) fn answer_with(&mut self, key: Key, position: Position) {
        let Some(seen) = self.seen.documents.get(&key).copied() else {
            return;
        };
        if position < seen.0 && !is_taken_back(&self.ground.database(), seen) {
            self.breaks(&format!("answers {key} as of {position} after {}", seen.0));
        }
    }

    fn breaks(&mut self, broken: &str) {
        let broken = format!("{} {broken}", self.name);
        self.ground.note(|| format!("BROKEN: {broken}"));
        self.seen.broken.get_or_insert(broken);
    }

    /// What it lacks of being equal to the database, ready and fresh.
    pub(crate) fn difference(&self, source: Source) -> Option<String> {
        const FRESH: Duration = Duration::from_secs(1);
        let database = self.ground.database();
        let (head, now) = (database.current.tip().position, self.ground.now());
        let confirmed_at = self.replica.confirmed_at();
        let is_fresh = confirmed_at.is_some_and(|at| now.saturating_sub(at) < FRESH);
        let stands = self.replica.position();
        let is_from = self.replica.source() == source;
        if stands != Some(head) || !self.is_ready || !is_fresh || !is_from {
            let ready = self.is_ready;
            return Some(format!(
                "{} stands at {stands:?} of {head}, ready {ready}, confirmed at {confirmed_at:?}",
                self.name
            ));
        }
        // Only the bus is scrubbed: what it has lost silently a writer does not bring.
        let weather = *self.ground.weather();
        let is_due = |key: &Key| source == Source::Bus || !weather.is_damaged(*key);
        (0..KEYS).filter(is_due).find_map(|key| {
            let due = database.current.state(key, head.sequence.0);
            let due = due.filter(|due| !due.deletes).map(|due| due.sequence);
            let held = self.catalog.get(key).filter(|held| !held.deleted);
            let held = held.map(|held| held.position.sequence.0);
            if held.is_none() && self.catalog.is_partial {
                return None;
            }
            (held != due).then(|| format!("{} has {key} as of {held:?}, not {due:?}", self.name))
        })
    }
}

/// A change committed before a time that is not at or below the position.
fn missing_of(database: &Database, at: Duration, position: Option<Position>) -> Option<Position> {
    let changes = database.current.changes.iter();
    let mut before = changes.take_while(|change| change.at < at).map(made_at);
    before.find(|made| {
        position.is_none_or(|held| held.epoch < made.epoch || held.sequence < made.sequence)
    })
}

/// Whether absence is right at or above a sequence.
fn is_absent(history: &History, key: Key, sequence: u64) -> bool {
    let at = history.state(key, sequence);
    at.is_none_or(|change| change.deletes) || history.is_forgotten_above(key, sequence)
}

/// Whether a restoration of which nobody was told has taken a change back. Who has evicted it is told
/// of the document before it.
fn is_taken_back(database: &Database, (position, link): (Position, Link)) -> bool {
    let is_there = database.current.link_at(position.sequence.0) == Some(link);
    database.doubtful.contains(&position.epoch) && !is_there
}
