//! Both planes, over the real SQLite store and the real committer.

#![expect(
    clippy::unwrap_used,
    reason = "a test fails where its helpers do; Clippy knows only test functions by itself"
)]

mod access;
mod bad_input;
mod conditions;
mod content;
mod described;
mod expiry;
mod feed;
mod import;
mod internal;
mod one_document;
mod outages;
mod reads;
mod retries;
mod site;
mod snapshot;
mod wire;
mod writes;
