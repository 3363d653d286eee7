//! A reader: holds every document in memory as finished octets, and serves them.
//!
//! In reading order: [`replica`] is the state machine that says what to do next, [`follow`] does
//! it, [`catalog`] is the set that it fills, [`entry`] one prepared document of it, [`http`] the
//! two planes that answer from it, [`status`] what the reader says of itself, [`hot`] what is asked for
//! most, [`reached`] and [`fetch`] what reads wait for, [`local`] the file to start from; [`app`] puts
//! the parts on their threads.
//!
//! A request is never serialised, compressed, hashed or logged, and waits for nothing, unless it asks
//! to, or for what a reader with a budget does not hold.

pub mod app;
pub mod catalog;
pub mod config;
pub mod entry;
pub mod fetch;
pub mod follow;
#[doc(hidden)]
pub mod fuzzing;
pub mod hot;
pub mod http;
mod lane;
pub mod local;
mod metrics;
pub mod reached;
pub mod replica;
pub mod status;

#[cfg(test)]
mod tests;

pub use app::App;
