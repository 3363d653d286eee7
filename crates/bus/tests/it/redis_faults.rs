//! What Redis does to the bus, on servers of their own.

mod connections;
mod keys;
mod large_buckets;
mod loss;
mod memory_limit;

use bus::Build;
use testkit::{builders::key, redis::RedisServer};

use crate::{
    contract::subject::{BUCKETS, Subject},
    redis::on,
};

fn open(server: &RedisServer) -> Subject {
    on(server, "pressrun")
}

/// The Redis key of a document's bucket.
fn bucket_of(build: Build, id: &str) -> String {
    let bucket = key(id).bucket(BUCKETS);
    format!("{{pressrun}}:snap:{:016x}:{bucket}", build.0)
}
