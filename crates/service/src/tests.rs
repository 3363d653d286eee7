//! Tests of what is not public, and tables of what is.

mod config;
mod healthcheck;
mod lifecycle;
mod problem;
mod server;
mod target;
