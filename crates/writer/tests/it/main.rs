//! The writer from outside.

mod commit;
mod store;
