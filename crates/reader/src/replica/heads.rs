//! The heads that heartbeats told of, and by when each must be reached.

use std::{collections::VecDeque, time::Duration};

use shared::{Position, Sequence};

/// Heads awaited at once. While full, the latest takes the place of the one before it and keeps
/// the earlier deadline.
const AWAITED_MAX: usize = 16;

#[derive(Debug)]
pub(super) struct Heads {
    /// The highest head heard of in the latest epoch.
    latest: Option<Sequence>,
    awaited: VecDeque<(Sequence, Duration)>,
    /// The first head that was certainly read after the start.
    first: Option<Position>,
}

impl Heads {
    pub(super) fn new() -> Self {
        Self {
            latest: None,
            awaited: VecDeque::new(),
            first: None,
        }
    }

    pub(super) fn latest(&self) -> Option<Sequence> {
        self.latest
    }

    /// The position that makes the reader ready once it is reached.
    pub(super) fn first(&self) -> Option<Position> {
        self.first
    }

    /// A later epoch began: its heads are counted afresh.
    pub(super) fn begin_epoch(&mut self) {
        self.latest = None;
        self.awaited.clear();
    }

    /// This head was read after this process began: it answers something that was sent since. A
    /// heartbeat by itself may be older than the subscription that it comes over.
    pub(super) fn read_since_start(&mut self, head: Position) {
        self.first.get_or_insert(head);
    }

    /// A heartbeat told of a head, to be reached by `deadline`.
    pub(super) fn learn(&mut self, head: Position, deadline: Duration) {
        let head = head.sequence;
        if Some(head) <= self.latest {
            return;
        }
        self.latest = Some(head);
        let full = AWAITED_MAX <= self.awaited.len();
        match self.awaited.back_mut() {
            Some(last) if full => last.0 = head,
            _ => self.awaited.push_back((head, deadline)),
        }
    }

    /// Forgets the heads that are reached.
    pub(super) fn reach(&mut self, sequence: Sequence) {
        while self
            .awaited
            .front()
            .is_some_and(|(head, _)| *head <= sequence)
        {
            self.awaited.pop_front();
        }
    }

    /// Whether a head is overdue.
    pub(super) fn is_overdue(&self, now: Duration) -> bool {
        self.awaited
            .front()
            .is_some_and(|(_, deadline)| *deadline <= now)
    }
}
