//! Tests of the wire: tables for its rules, golden octets for its formats, properties for its
//! codec.

mod batch;
mod coding;
mod digest;
mod entity_tag;
mod golden;
mod key;
mod limits;
mod position;
mod refusals;
mod round_trip;
mod samples;
mod stream;
mod timestamp;
