//! After mixed writes from many clients, every reader equals the database, byte for byte.

use std::collections::BTreeMap;

use futures_util::{StreamExt, stream};
use serde_json::json;

use fleet::{Fleet, Node};

use crate::truth::Truth;

const CLIENTS: usize = 64;
const DOCUMENTS_PER_CLIENT: u32 = 31;

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn one_writer_10_000_mixed_writes() {
    check(1, 10_000).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn two_writers_50_000_mixed_writes() {
    check(2, 50_000).await;
}

async fn check(writers: usize, writes: usize) {
    let fleet = Fleet::start().await;
    let mut nodes = Vec::new();
    for index in 1..=writers {
        nodes.push(fleet.writer(&format!("writer-{index}")).await);
    }
    let readers = [
        fleet.reader("reader-1"),
        fleet.reader("reader-2"),
        fleet.reader("reader-3"),
    ];
    for reader in &readers {
        fleet.ready(reader).await;
    }

    let acknowledged = write_mixed(&fleet, &nodes, writes).await;

    let truth = Truth::read(&fleet).await;
    truth.check_log(&fleet).await;
    assert!(
        truth.live.len() > 100 && truth.deleted.len() > 100,
        "both kinds are compared"
    );
    truth.check_acknowledged(&acknowledged);
    for reader in &readers {
        truth.check_reader(&fleet, reader).await;
    }
    let late = fleet.reader("reader-4");
    fleet.ready(&late).await;
    truth.check_reader(&fleet, &late).await;
}

/// Each client owns some documents and writes them through the writers in turn, so that it knows
/// what was acknowledged last: whether they live.
async fn write_mixed(fleet: &Fleet, writers: &[Node], writes: usize) -> BTreeMap<String, bool> {
    let clients = stream::iter(0..CLIENTS).map(|client| async move {
        let mut random = fastrand::Rng::with_seed(client as u64);
        let mut acknowledged = BTreeMap::new();
        for number in 0..writes.div_ceil(CLIENTS) {
            let key = format!("c{client}-{}", random.u32(0..DOCUMENTS_PER_CLIENT));
            let live = random.u8(0..4) > 0;
            let writer = &writers[number % writers.len()];
            write_one(fleet, writer, &key, live, &mut random).await;
            acknowledged.insert(key, live);
        }
        acknowledged
    });
    clients.buffer_unordered(CLIENTS).concat().await
}

async fn write_one(
    fleet: &Fleet,
    writer: &Node,
    key: &str,
    live: bool,
    random: &mut fastrand::Rng,
) {
    let base = format!("http://{}", writer.listen);
    let answer = if live {
        let content = "type ".repeat(random.usize(1..300));
        let post = json!({"id": key, "title": key, "content": content, "author": "e2e"});
        fleet.http.post(format!("{base}/create")).json(&post).send()
    } else {
        fleet.http.delete(format!("{base}/v1/posts/{key}")).send()
    };
    let status = answer.await.expect("the writer answers").status();
    let expected = if live { [200, 201] } else { [204, 404] };
    assert!(expected.contains(&status.as_u16()), "{key}: {status}");
}
