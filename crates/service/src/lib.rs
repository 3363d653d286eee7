//! What every HTTP service here shares: configuration, problem details, request targets,
//! connections, readiness and drain.
//!
//! Nothing in it knows documents, databases or the bus.

pub mod problem;
pub mod target;

pub use problem::{Kind, Problem};
