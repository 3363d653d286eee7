//! Changes that may be of a history that the database has lost.

use super::Tip;

/// How many a writer is still to be asked about. One more is not asked about: one that is not in
/// the history ends the epoch, and with it all that is held of it.
const DOUBTS_MAX: usize = 16;

/// What a writer is asked to compare its history with, once each.
#[derive(Debug, Default)]
pub(super) struct Doubts(Vec<Tip>);

impl Doubts {
    pub(super) fn add(&mut self, tips: impl IntoIterator<Item = Tip>) {
        for tip in tips {
            if self.0.len() < DOUBTS_MAX && !self.0.contains(&tip) {
                self.0.push(tip);
            }
        }
    }

    /// Whose turn it is.
    pub(super) fn first(&self) -> Option<Tip> {
        self.0.first().copied()
    }

    /// A writer has said of this one what it knows.
    pub(super) fn settle(&mut self, tip: Tip) {
        self.0.retain(|one| *one != tip);
    }

    pub(super) fn clear(&mut self) {
        self.0.clear();
    }
}
