//! What each process does from its start to its end, seen from outside.

mod dev;
mod ends;
mod servers;

use fleet::Node;

/// How often a node has logged this so far.
fn logged(node: &Node, words: &str) -> usize {
    node.process.log().matches(words).count()
}
