//! What every HTTP service here shares: configuration, problem details, request targets,
//! connections, and how a process runs and ends.
//!
//! Nothing in it knows documents, databases or the bus.

pub mod config;
pub mod healthcheck;
pub mod lifecycle;
pub mod openapi;
pub mod problem;
pub mod process;
pub mod server;
pub mod target;
pub mod traces;

#[cfg(test)]
mod tests;

pub use lifecycle::{Lifecycle, Phase, Signals};
pub use problem::{Kind, Problem};
pub use server::{Limits, ReusePort, Server, ServerCounters, bind};
