//! The truth in SQLite, for one process.
