//! The writer from outside.

mod store;
