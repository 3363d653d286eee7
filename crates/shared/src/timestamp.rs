//! Points in time, as numbers. This crate never asks what time it is.

/// Microseconds since 1970-01-01T00:00:00Z. Ordered; negative before 1970.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Timestamp(pub i64);
