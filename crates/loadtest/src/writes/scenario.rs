//! What is measured.

/// Rows of one transaction of the batch baseline: as many as a batch of the writer may have.
pub(crate) const ROWS: u64 = 512;

/// Rows of one transaction of the other batch baseline: as many as the connections of a run that
/// asks for no other number can have waiting, each for one write.
pub(crate) const CLIENT_ROWS: u64 = 64;

/// Connections of the baseline of single rows that suits PostgreSQL best: a small pool, where hardly
/// more wait for the lock than its holder lets go on. With as many as clients it is slower.
pub(crate) const POOL: u64 = 8;

/// One thing to measure.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Scenario {
    pub(crate) name: &'static str,
    pub(crate) load: Load,
}

/// Who writes, and how.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Load {
    /// wrk, with this script, to the writer.
    Http(&'static str),
    /// pgbench, one row a transaction, by as many connections.
    Single(u64),
    /// pgbench, this many rows a transaction, one connection.
    Batch(u64),
}

/// All of them, in the order of a round.
pub(crate) const ALL: &[Scenario] = &[
    Scenario {
        name: "HTTP, new posts",
        load: Load::Http("create.lua"),
    },
    Scenario {
        name: "PostgreSQL, a transaction each, 64 connections",
        load: Load::Single(CLIENT_ROWS),
    },
    Scenario {
        name: "PostgreSQL, a transaction each, 8 connections",
        load: Load::Single(POOL),
    },
    Scenario {
        name: "HTTP, half of them replace a post",
        load: Load::Http("mixed.lua"),
    },
    Scenario {
        name: "PostgreSQL, batches of 64",
        load: Load::Batch(CLIENT_ROWS),
    },
    Scenario {
        name: "PostgreSQL, batches of 512",
        load: Load::Batch(ROWS),
    },
];
