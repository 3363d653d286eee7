//! `writer healthcheck` and `reader healthcheck`, as container engines run them.

use std::process::Command;

use testkit::eventually;

use fleet::{Fleet, Node, binary};

/// The exit status of a check given the node's own setting, and what it printed.
fn check(program: &str, variable: &str, node: &Node) -> (Option<i32>, String) {
    let output = Command::new(binary(program))
        .arg("healthcheck")
        .env(variable, node.admin.to_string())
        .output()
        .expect("the check runs");
    let text = String::from_utf8_lossy(&output.stdout).into_owned();
    (output.status.code(), text)
}

#[tokio::test]
async fn the_check_follows_readiness() {
    let fleet = Fleet::start().await;
    let reader = fleet.reader("early");
    eventually(
        "the reader answers, and is not ready without a writer",
        async || {
            let (code, text) = check("reader", "READER_ADMIN_LISTEN", &reader);
            (code == Some(1) && text.contains("not ready: HTTP/1.1 503")).then_some(())
        },
    )
    .await;

    let writer = fleet.writer("writer").await;
    fleet.ready(&reader).await;
    // A check gives up after two seconds, which may be too few for a busy machine.
    for (program, variable, node) in [
        ("writer", "WRITER_ADMIN_LISTEN", &writer),
        ("reader", "READER_ADMIN_LISTEN", &reader),
    ] {
        eventually("the check follows", async || {
            (check(program, variable, node).0 == Some(0)).then_some(())
        })
        .await;
    }

    reader.signal("KILL");
    eventually("nobody answers any more", async || {
        let (code, text) = check("reader", "READER_ADMIN_LISTEN", &reader);
        (code == Some(1) && text.contains("no answer")).then_some(())
    })
    .await;
}
