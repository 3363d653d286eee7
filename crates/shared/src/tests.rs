//! Tests of the wire.

mod stream;
