//! How long ago the reader last knew that it had everything.
//!
//! The reader leaves a nonce in the bus and remembers when it *sent* it. The leader reads the
//! nonces, then the database's head, and sends both back. Once that head is reached, everything
//! committed before the nonce was sent is here. Only the reader's own monotonic clock is used.
//!
//! A writer that is polled reads the head after the request was sent, which shows as much.

use std::{collections::VecDeque, time::Duration};

use shared::Position;

use super::Source;

/// Nonces, and heads to reach, remembered at once: beyond it the oldest is forgotten, which can
/// only make the reader look staler.
const REMEMBERED_MAX: usize = 64;

#[derive(Debug, Default)]
pub(super) struct Freshness {
    next_nonce: u64,
    /// Nonces on their way.
    sent: VecDeque<Sent>,
    by_bus: Confirming,
    by_writer: Confirming,
}

#[derive(Debug, Clone, Copy)]
struct Sent {
    nonce: u64,
    at: Duration,
    /// The position held then.
    held: Option<Position>,
}

/// What a nonce says of the head that came with it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Repetition {
    /// It is none of this run, or forgotten: the head may be as old as it likes.
    Unknown,
    /// The head was read after the nonce was sent.
    Read,
    /// So it was, and stands behind what was held before: the database has gone back, or a copy
    /// of it that lags was asked.
    GoneBack,
}

/// What one source has to say.
#[derive(Debug, Default)]
struct Confirming {
    /// Heads to reach, with the time that reaching them confirms. Later times come later.
    heads: VecDeque<(Position, Duration)>,
    confirmed: Option<Duration>,
}

impl Freshness {
    /// Nonces begin at `first`, which differs between two runs of one reader.
    pub(super) fn new(first: u64) -> Self {
        Self {
            next_nonce: first,
            ..Self::default()
        }
    }

    /// A nonce to send now, while this position is held.
    pub(super) fn probe(&mut self, now: Duration, held: Option<Position>) -> u64 {
        let nonce = self.next_nonce;
        self.next_nonce = self.next_nonce.wrapping_add(1);
        let at = now;
        push_bounded(&mut self.sent, Sent { nonce, at, held });
        nonce
    }

    pub(super) fn last_sent(&self) -> Option<Duration> {
        self.sent.back().map(|sent| sent.at)
    }

    /// A heartbeat has repeated `nonce`, and then read `head`. A head behind what was held before
    /// confirms nothing.
    pub(super) fn repeated(&mut self, nonce: u64, head: Position) -> Repetition {
        let Some(index) = self.sent.iter().position(|sent| sent.nonce == nonce) else {
            return Repetition::Unknown;
        };
        let Sent { at, held, .. } = self.sent[index];
        // The same nonce may come again with a later head; only the first repetition is needed,
        // and keeping the nonce would let `last_sent` lose the time of the latest one.
        self.sent.drain(..index);
        if held.is_some_and(|held| head.epoch == held.epoch && head < held) {
            return Repetition::GoneBack;
        }
        self.by_bus.expect(head, at);
        Repetition::Read
    }

    /// A writer was asked at `sent_at`, and then read `head`.
    pub(super) fn answered(&mut self, head: Position, sent_at: Duration) {
        self.by_writer.expect(head, sent_at);
    }

    /// The reader holds everything up to `position`.
    pub(super) fn reached(&mut self, position: Position) {
        self.by_bus.reached(position);
        self.by_writer.reached(position);
    }

    /// Everything committed before this time is here.
    pub(super) fn confirmed_at(&self) -> Option<Duration> {
        self.by_bus.confirmed.max(self.by_writer.confirmed)
    }

    /// The same, as far as this source has shown it.
    pub(super) fn confirmed_by(&self, source: Source) -> Option<Duration> {
        match source {
            Source::Bus => self.by_bus.confirmed,
            Source::Writer => self.by_writer.confirmed,
        }
    }
}

impl Confirming {
    fn expect(&mut self, head: Position, at: Duration) {
        if self.heads.back().is_none_or(|(_, last)| *last < at) {
            push_bounded(&mut self.heads, (head, at));
        }
    }

    fn reached(&mut self, position: Position) {
        while let Some((_, at)) = self.heads.pop_front_if(|(head, _)| *head <= position) {
            self.confirmed = self.confirmed.max(Some(at));
        }
    }
}

fn push_bounded<T>(queue: &mut VecDeque<T>, item: T) {
    if queue.len() == REMEMBERED_MAX {
        queue.pop_front();
    }
    queue.push_back(item);
}
