//! The writer from outside.

mod commit;
mod leader;
mod store;
