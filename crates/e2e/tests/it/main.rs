//! Whole-system tests: processes of ours over real PostgreSQL and Redis.

mod equality;
mod fleet;
