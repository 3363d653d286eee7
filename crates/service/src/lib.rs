//! What every HTTP service here shares: configuration, problem details, request targets,
//! connections, readiness and drain.
//!
//! Nothing in it knows documents, databases or the bus.

pub mod config;
pub mod problem;
pub mod target;

#[cfg(test)]
mod tests;

pub use problem::{Kind, Problem};
