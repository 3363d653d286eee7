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
    /// Nonces on their way, with the time they were sent.
    sent: VecDeque<(u64, Duration)>,
    by_bus: Confirming,
    by_writer: Confirming,
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

    /// A nonce to send now.
    pub(super) fn probe(&mut self, now: Duration) -> u64 {
        let nonce = self.next_nonce;
        self.next_nonce = self.next_nonce.wrapping_add(1);
        push_bounded(&mut self.sent, (nonce, now));
        nonce
    }

    pub(super) fn last_sent(&self) -> Option<Duration> {
        self.sent.back().map(|(_, at)| *at)
    }

    /// A heartbeat has repeated `nonce`, and then read `head`.
    pub(super) fn repeated(&mut self, nonce: u64, head: Position) {
        let Some(index) = self.sent.iter().position(|(sent, _)| *sent == nonce) else {
            return;
        };
        let (_, at) = self.sent[index];
        // The same nonce may come again with a later head; only the first repetition is needed,
        // and keeping the nonce would let `last_sent` lose the time of the latest one.
        self.by_bus.expect(head, at);
        self.sent.drain(..index);
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
