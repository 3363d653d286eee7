//! Both stores keep one contract; each keeps some promises of its own.

#![expect(
    clippy::unwrap_used,
    reason = "a test fails where its helpers do; Clippy knows only test functions by itself"
)]

pub(crate) mod contract;
pub(crate) mod fixture;
pub(crate) mod postgres;
mod sqlite;
