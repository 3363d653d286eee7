//! The local snapshot: what a reader leaves behind for the one that is started in its place.

use std::time::Duration;

use reader::replica::{Input, LocalAttempt, LocalBegun, Tip};
use shared::{Change, Envelope, Timestamp, Version};

use super::{Event, Reader, catalog::Held};
use crate::{
    Rule,
    history::{Key, resource},
};

/// A file: up to the tip everything is in it.
#[derive(Debug, Clone)]
pub(crate) struct LocalFile {
    tip: Tip,
    held: Vec<(Key, Held)>,
}

/// Files of one reader. Its choices have a generator of their own, so that worlds without a file
/// that is read stay what they are.
#[derive(Debug)]
pub(super) struct Keeping {
    random: fastrand::Rng,
    /// What a writing has noted at its beginning, and when it ends.
    writing: Option<(LocalFile, Duration)>,
    file: Option<LocalFile>,
}

impl Keeping {
    pub(super) fn new(seed: u64, file: Option<LocalFile>) -> Self {
        Self {
            random: fastrand::Rng::with_seed(seed),
            writing: None,
            file,
        }
    }

    pub(super) fn is_writing(&self) -> bool {
        self.writing.is_some()
    }

    /// Documents went otherwise than by changes.
    pub(super) fn abandon(&mut self) {
        self.writing = None;
    }
}

impl Reader {
    /// What it leaves on its disk.
    pub(crate) fn left_behind(&self) -> Option<LocalFile> {
        self.keeping.file.clone()
    }

    /// Writes a file now and then, most of it long after the tip was noted.
    pub(super) fn keep(&mut self) {
        let now = self.ground.now();
        if let Some((noted, until)) = &self.keeping.writing {
            if *until <= now {
                let tip_first = self.ground.rules.hold(Rule::TipBeforeEntries);
                let (tip, held) = if tip_first {
                    (Some(noted.tip), self.catalog.all())
                } else {
                    (self.replica.tip(), noted.held.clone())
                };
                self.keeping.writing = None;
                let is_whole = self.is_whole();
                if let Some(tip) = tip.filter(|tip| is_whole && is_one_epoch(&held, *tip)) {
                    self.keeping.file = Some(LocalFile { tip, held });
                }
            }
        } else if self.replica.is_settled()
            && !self.replica.is_local()
            && self.is_whole()
            && let (Some(tip), 0) = (self.replica.tip(), self.keeping.random.u8(..40))
        {
            let until = now + Duration::from_millis(self.keeping.random.u64(..500));
            let held = self.catalog.all();
            self.keeping.writing = Some((LocalFile { tip, held }, until));
        }
    }

    fn is_whole(&self) -> bool {
        !self.catalog.is_partial || !self.ground.rules.hold(Rule::WholeSetKept)
    }

    pub(super) fn read_local(&mut self, attempt: LocalAttempt) {
        let Some(LocalFile { tip, held }) = self.keeping.file.clone() else {
            self.tell_later(Input::LocalFailed(attempt));
            return;
        };
        let begun = LocalBegun {
            tip,
            database_time: None,
            age: None,
        };
        self.tell_later(Input::LocalBegin(attempt, begun));
        for (key, held) in held {
            let chunk = vec![envelope(key, &held)];
            self.tell_later(Input::LocalChunk(attempt, chunk));
        }
        self.tell_later(Input::LocalEnd(attempt));
    }

    /// A disk is slow, and gives things in their order.
    fn tell_later(&mut self, input: Input) {
        let pause = Duration::from_millis(self.keeping.random.u64(..20));
        let last = self.keeping_told_at.max(self.ground.now());
        self.keeping_told_at = last + pause;
        self.plan_at(self.keeping_told_at, Event::Tell(input));
    }
}

fn is_one_epoch(held: &[(Key, Held)], tip: Tip) -> bool {
    let is_of = |(_, one): &(Key, Held)| one.position.epoch == tip.position.epoch;
    held.iter().all(is_of)
}

fn envelope(key: Key, held: &Held) -> Envelope {
    Envelope {
        position: held.position,
        prev_link: held.link,
        link: held.link,
        version: Version(1),
        updated_at: Timestamp(0),
        expires_at: None,
        key: resource(key),
        change: if held.deleted {
            Change::Delete
        } else {
            Change::Put(Vec::new())
        },
        extensions: Vec::new(),
    }
}
