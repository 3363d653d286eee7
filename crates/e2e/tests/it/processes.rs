//! What each process does from its start to its end, seen from outside.

#![expect(
    clippy::unwrap_used,
    reason = "a test fails where its helpers do; Clippy knows only test functions by itself"
)]

mod dev;
mod ends;
mod servers;

use crate::fleet::Node;

/// How often a node has logged this so far.
fn logged(node: &Node, words: &str) -> usize {
    node.process.log().matches(words).count()
}
