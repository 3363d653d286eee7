//! Tests of what is not public, and tables of what is.

mod config;
mod lifecycle;
mod problem;
mod server;
mod target;
