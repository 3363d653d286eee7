//! Whole-system tests: processes of ours over real PostgreSQL and Redis, and rules that hold for
//! the workspace as a whole.

mod audit;
mod backup;
mod bounded;
mod bulk;
mod chart_files;
mod chart_processes;
mod cold_start;
mod compose_files;
mod directions;
mod equality;
mod executed;
mod files;
mod formats;
mod frozen;
mod gateway;
mod gateway_files;
mod healthcheck;
mod load;
mod migrate;
mod processes;
mod program_settings;
mod readme;
mod redis_away;
mod redis_loss;
mod restore;
mod retries;
mod secured;
mod traces;
mod truth;
mod verify;
mod watched;
