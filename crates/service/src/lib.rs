//! What every HTTP service here shares: configuration, problem details, request targets,
//! connections, readiness and drain.
//!
//! Nothing in it knows documents, databases or the bus.

pub mod config;
pub mod lifecycle;
pub mod problem;
pub mod process;
pub mod readiness;
pub mod server;
pub mod target;

#[cfg(test)]
mod tests;

pub use lifecycle::{Lifecycle, Phase, Signals};
pub use problem::{Kind, Problem};
pub use readiness::{Latch, Readiness};
pub use server::{Limits, ReusePort, Server, ServerCounters, bind};
