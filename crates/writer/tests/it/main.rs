//! The writer from outside.

mod commit;
mod http;
mod leader;
mod store;
