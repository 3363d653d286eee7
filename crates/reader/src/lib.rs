//! A reader: holds every document in memory as finished octets, and serves them.
//!
//! [`catalog`] is the set, [`entry`] one prepared document of it, [`http`] the two planes that
//! answer from it, [`status`] what the reader says of itself.
//!
//! A request is never serialised, compressed, hashed or logged, and waits for nothing.

pub mod catalog;
pub mod entry;
pub mod http;
pub mod status;

#[cfg(test)]
mod tests;
