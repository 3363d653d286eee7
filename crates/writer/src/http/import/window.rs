//! Lines between the queue and the report.

use std::collections::VecDeque;

use super::{IN_FLIGHT_MAX, report::LineError};
use crate::commit::Submitted;

/// Upper bound on the octets of representations in flight, unless a single document has more: two
/// batches of bodies with their codings.
const IN_FLIGHT_BYTES_MAX: usize = 32 * 1024 * 1024;

/// A line whose turn in the report has not come.
#[derive(Debug)]
pub(super) struct InFlight {
    pub(super) line: u64,
    /// Octets that its document holds.
    pub(super) bytes: usize,
    pub(super) fate: Fate,
}

#[derive(Debug)]
pub(super) enum Fate {
    Blank,
    Failed(LineError),
    /// Its document waits for a batch.
    Submitted {
        id: String,
        submitted: Submitted,
    },
}

/// A bounded queue, in the order of the input: the report's lines are settled from the first on.
#[derive(Debug, Default)]
pub(super) struct Window {
    lines: VecDeque<InFlight>,
    bytes: usize,
}

impl Window {
    pub(super) fn has_room(&self, bytes: usize) -> bool {
        let fits = self.bytes.saturating_add(bytes) <= IN_FLIGHT_BYTES_MAX;
        self.lines.len() < IN_FLIGHT_MAX && (fits || self.lines.is_empty())
    }

    pub(super) fn push(&mut self, line: InFlight) {
        debug_assert!(self.has_room(line.bytes), "room is made first");
        self.bytes += line.bytes;
        self.lines.push_back(line);
    }

    pub(super) fn pop(&mut self) -> Option<InFlight> {
        let line = self.lines.pop_front()?;
        self.bytes -= line.bytes;
        Some(line)
    }

    /// Gives up all lines in it.
    pub(super) fn clear(&mut self) {
        *self = Self::default();
    }
}
