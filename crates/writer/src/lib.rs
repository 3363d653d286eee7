//! The writer: commits documents, renders them once, publishes them.
//!
//! In reading order: [`document`] says what a valid body is, [`render`] makes representations,
//! [`store`] is the truth, [`commit`] batches writes into it, [`leader`] keeps the bus equal to
//! it, `http` is how clients reach all that, [`app`] puts the parts together.

pub mod commit;
pub mod document;
pub mod envelope;
pub mod http;
pub mod render;
pub mod store;

#[cfg(test)]
mod tests;
