//! Processes as they run where not everybody is trusted: tokens, passwords, TLS.

mod redis_users;
mod secrets;
mod tls;
mod tokens;

use std::path::Path;

use fleet::{Node, loopback, start};

/// Everything that is said where nobody asked for less; dependencies are not asked for octets.
const LOG: &str = "--rust-log=debug,writer=trace,reader=trace,bus=trace,service=trace";

/// Starts a writer that is told this besides its internal plane; it may not be ready yet.
fn writer(directory: &Path, name: &str, arguments: &[String]) -> Node {
    node("writer", directory, name, arguments)
}

/// Starts a reader that is told this besides its admin plane; it may not be ready yet.
fn reader(directory: &Path, name: &str, arguments: &[String]) -> Node {
    let id = [format!("--reader-id={name}"), "--reader-threads=1".into()];
    node("reader", directory, name, &[&id, arguments].concat())
}

fn node(program: &str, directory: &Path, name: &str, arguments: &[String]) -> Node {
    let (listen, admin) = (loopback(), loopback());
    // Everywhere, as in a container: what a client of this test uses is loopback all the same.
    let own = [
        format!("--{program}-listen=0.0.0.0:{}", listen.port()),
        format!("--{program}-admin-listen={admin}"),
        "--drain-delay=0".to_owned(),
        LOG.to_owned(),
    ];
    let arguments = [&own, arguments].concat();
    Node {
        process: start(program, &arguments, &directory.join(name)),
        listen,
        admin,
    }
}
