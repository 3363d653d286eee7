//! Whole-system tests: processes of ours over real PostgreSQL and Redis, and rules that hold for
//! the workspace as a whole.

mod bulk;
mod directions;
mod equality;
mod fleet;
