//! The wire between writer and readers, and the words both sides share.
//!
//! A [`ResourceKey`] names a document, a [`Position`] a point in its database's history, an
//! [`EntityTag`] one sequence of octets. An [`Envelope`] carries one document's current state; a
//! [`FeedMessage`] carries what travels on the feed.
//!
//! This crate does no I/O, starts no task, reads no clock and no environment. Every rule in it is
//! a function of its arguments.

pub mod codec;
pub mod coding;
pub mod digest;
pub mod entity_tag;
pub mod envelope;
pub mod feed;
pub mod key;
pub mod limits;
pub mod position;
pub mod representation;
pub mod timestamp;

#[cfg(test)]
mod tests;

pub use coding::ContentCoding;
pub use entity_tag::EntityTag;
pub use envelope::{Change, Envelope, Extension, Version};
pub use feed::{Delivery, FeedMessage, Heartbeat, Slot};
pub use key::{KeyError, ResourceKey};
pub use position::{Continuity, Epoch, Link, Position, Sequence};
pub use representation::Representation;
pub use timestamp::Timestamp;
