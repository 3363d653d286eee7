//! The truth in PostgreSQL.
