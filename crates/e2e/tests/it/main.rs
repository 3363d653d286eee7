//! Whole-system tests: processes of ours over real PostgreSQL and Redis, and rules that hold for
//! the workspace as a whole.

mod bulk;
mod directions;
mod equality;
mod frozen;
mod gateway;
mod gateway_files;
mod healthcheck;
mod load;
mod processes;
mod redis_away;
mod redis_loss;
mod restore;
mod retries;
mod truth;
mod verify;
