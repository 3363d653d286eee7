//! A reader: holds every document in memory as finished octets, and serves them.
//!
//! [`catalog`] is the set, [`entry`] one prepared document of it.
//!
//! A request is never serialised, compressed, hashed or logged, and waits for nothing.

pub mod catalog;
pub mod entry;

#[cfg(test)]
mod tests;
