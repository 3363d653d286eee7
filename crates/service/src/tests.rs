//! Tests of what is not public, and tables of what is.

mod config;
mod problem;
mod target;
