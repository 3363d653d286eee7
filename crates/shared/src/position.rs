//! Where a change stands in the history of the database.

use std::{fmt, str::FromStr};

use crate::limits::NUMBER_MAX;

/// One unbroken history of the database: microseconds since 1970 at its making, only ever rising.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Epoch(pub u64);

/// A change's number within its epoch: gapless, in commit order, the first change is 1.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Sequence(pub u64);

/// A change's random mark. Two histories may share a sequence, never a link.
#[derive(Clone, Copy, PartialEq, Eq, Hash)]
pub struct Link(pub u64);

/// A point in the database's history; ordered by epoch, then sequence.
///
/// Written `<epoch>.<sequence>`, as in the `Pressrun-Position` header.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Position {
    /// The history.
    pub epoch: Epoch,
    /// The last change of it.
    pub sequence: Sequence,
}

/// How a change's position relates to the last one applied.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Continuity {
    /// Exactly one ahead in the same epoch.
    Next,
    /// At or behind, in the same epoch.
    Duplicate,
    /// More than one ahead in the same epoch.
    Gap,
    /// Of a later epoch.
    NewEpoch,
    /// Of an earlier epoch: to be ignored everywhere.
    OldEpoch,
}

impl Sequence {
    /// Before the first change.
    pub const ZERO: Self = Self(0);

    /// The sequence after this one.
    #[must_use]
    pub const fn next(self) -> Self {
        Self(self.0 + 1)
    }
}

impl Link {
    /// The link before the first change of any history.
    pub const ZERO: Self = Self(0);
}

impl Position {
    /// A position from its parts.
    pub const fn new(epoch: Epoch, sequence: Sequence) -> Self {
        Self { epoch, sequence }
    }

    /// How `other` relates to `self`, the last position applied.
    pub fn continuity(self, other: Self) -> Continuity {
        if other.epoch > self.epoch {
            Continuity::NewEpoch
        } else if other.epoch < self.epoch {
            Continuity::OldEpoch
        } else if other.sequence <= self.sequence {
            Continuity::Duplicate
        } else if other.sequence == self.sequence.next() {
            Continuity::Next
        } else {
            Continuity::Gap
        }
    }
}

/// A text that is not `<epoch>.<sequence>`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("a position is written <epoch>.<sequence>, both at most {NUMBER_MAX}")]
pub struct PositionError;

impl FromStr for Position {
    type Err = PositionError;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let (epoch, sequence) = text.split_once('.').ok_or(PositionError)?;
        Ok(Self {
            epoch: Epoch(parse_number(epoch)?),
            sequence: Sequence(parse_number(sequence)?),
        })
    }
}

fn parse_number(text: &str) -> Result<u64, PositionError> {
    if text.is_empty() || !text.bytes().all(|octet| octet.is_ascii_digit()) {
        return Err(PositionError);
    }
    match text.parse() {
        Ok(number) if number <= NUMBER_MAX => Ok(number),
        _ => Err(PositionError),
    }
}

impl fmt::Display for Position {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}.{}", self.epoch.0, self.sequence.0)
    }
}

impl fmt::Display for Epoch {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}

impl fmt::Display for Sequence {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}

impl fmt::Debug for Link {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Link({:016x})", self.0)
    }
}
