//! The seam between the writer and its readers.
//!
//! [`Publisher`] and [`Follower`] are its two sides. [`RedisBus`] carries them between processes,
//! [`MemoryBus`] within one; `tests/it/contract` lists what both promise and runs against both.
//! This is the only crate that knows Redis. The bus is never the truth: all of it may be lost at
//! any time and is filled again from the database.

pub mod error;
pub mod follower;
pub mod limits;
pub mod memory;
pub mod meta;
pub mod publisher;
pub mod redis;
pub mod subscription;

mod stored;

#[cfg(test)]
mod tests;

pub use self::redis::RedisBus;
pub use error::BusError;
pub use follower::{BucketRead, Follower, Lookup, Replay, SnapshotReader};
pub use memory::MemoryBus;
pub use meta::{Build, Meta};
pub use publisher::{
    Begin, Held, Names, Publication, PublishOutcome, Publisher, Refusal, Registration,
};
pub use subscription::{FeedEvent, Subscription};
