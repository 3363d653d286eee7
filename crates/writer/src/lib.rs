//! The writer: commits documents, renders them once, publishes them.
//!
//! In reading order: [`document`] says what a valid body is, [`render`] makes representations,
//! [`store`] is the truth, [`commit`] batches writes into it, [`publish`] brings what was
//! committed to the bus at once, [`leader`] keeps the bus equal to the truth, [`http`] is how
//! clients reach all that, if [`access`] lets them ([`ndjson`] divides what they send in bulk), [`engine`] runs the tasks and [`app`] puts the parts together.

pub mod access;
pub mod app;
pub mod commit;
pub mod config;
pub mod document;
pub mod engine;
pub mod envelope;
#[doc(hidden)]
pub mod fuzzing;
mod gate;
pub mod http;
mod inspect;
pub mod leader;
pub mod ndjson;
pub mod publish;
pub mod render;
pub mod store;

#[cfg(test)]
mod tests;

pub use app::App;
