//! After mixed writes from many clients, every reader equals the database, byte for byte.

use std::collections::BTreeMap;

use bytes::Bytes;
use futures_util::{StreamExt, stream};
use serde_json::json;
use testkit::eventually;

use crate::fleet::{Fleet, Node};

const CLIENTS: usize = 64;
const WRITES: usize = 10_000;
const DOCUMENTS: u32 = 2_000;

/// What the database holds: live bodies by key, and deleted keys.
struct Truth {
    epoch: i64,
    head: i64,
    live: BTreeMap<(String, String), String>,
    deleted: Vec<(String, String)>,
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn readers_equal_the_database_after_mixed_writes() {
    let fleet = Fleet::start().await;
    let writer = fleet.writer("writer-1").await;
    let readers = [
        fleet.reader("reader-1"),
        fleet.reader("reader-2"),
        fleet.reader("reader-3"),
    ];
    for reader in &readers {
        fleet.ready(reader).await;
    }

    let acknowledged = write_mixed(&fleet, &writer).await;

    let truth = Truth::read(&fleet).await;
    truth.check_log(&fleet).await;
    assert!(
        truth.live.len() > 100 && truth.deleted.len() > 100,
        "both kinds are compared"
    );
    for (key, last) in acknowledged {
        let live = truth.live.contains_key(&("posts".to_owned(), key.clone()));
        assert_eq!(
            live, last,
            "the last acknowledged write of {key} is in the database"
        );
    }
    for reader in &readers {
        check_reader(&fleet, reader, &truth).await;
    }

    let late = fleet.reader("reader-4");
    fleet.ready(&late).await;
    check_reader(&fleet, &late, &truth).await;
}

/// Each client owns some documents, so that it knows what was acknowledged last: whether they
/// live.
async fn write_mixed(fleet: &Fleet, writer: &Node) -> BTreeMap<String, bool> {
    let clients = stream::iter(0..CLIENTS).map(|client| async move {
        let mut random = fastrand::Rng::with_seed(client as u64);
        let mut acknowledged = BTreeMap::new();
        let own = DOCUMENTS / u32::try_from(CLIENTS).expect("few");
        for _ in 0..WRITES / CLIENTS {
            let key = format!("c{client}-{}", random.u32(0..own));
            let live = random.u8(0..4) > 0;
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

impl Truth {
    async fn read(fleet: &Fleet) -> Self {
        let (epoch, head) = sqlx::query_as("SELECT epoch, head FROM feed")
            .fetch_one(&fleet.database)
            .await
            .expect("the feed row");
        let rows: Vec<(String, String, Option<String>)> = sqlx::query_as(
            "SELECT collection, id, CASE WHEN deleted_at IS NULL THEN body::text END FROM documents",
        )
        .fetch_all(&fleet.database)
        .await
        .expect("the documents");
        let mut live = BTreeMap::new();
        let mut deleted = Vec::new();
        for (collection, id, body) in rows {
            match body {
                Some(body) => drop(live.insert((collection, id), body)),
                None => deleted.push((collection, id)),
            }
        }
        Self {
            epoch,
            head,
            live,
            deleted,
        }
    }

    /// The log has every sequence from 1 to the head.
    async fn check_log(&self, fleet: &Fleet) {
        let (count, lowest, highest): (i64, i64, i64) =
            sqlx::query_as("SELECT count(*), min(sequence), max(sequence) FROM changes")
                .fetch_one(&fleet.database)
                .await
                .expect("the log");
        assert_eq!((count, lowest, highest), (self.head, 1, self.head));
    }
}

async fn check_reader(fleet: &Fleet, reader: &Node, truth: &Truth) {
    eventually(
        "the reader's position equals the database's head",
        async || {
            let status = fleet.status(reader).await?;
            let position = (status["epoch"].as_i64()?, status["sequence"].as_i64()?);
            (position == (truth.epoch, truth.head)).then_some(())
        },
    )
    .await;
    let live = stream::iter(&truth.live).for_each_concurrent(CLIENTS, |(key, body)| async move {
        let (status, served) = read(fleet, reader, key).await;
        assert_eq!(status, 200, "{key:?}");
        assert_eq!(served, body.as_bytes(), "{key:?} is served byte for byte");
    });
    let deleted = stream::iter(&truth.deleted).for_each_concurrent(CLIENTS, |key| async move {
        assert_eq!(read(fleet, reader, key).await.0, 404, "{key:?}");
    });
    live.await;
    deleted.await;
}

async fn read(fleet: &Fleet, reader: &Node, (collection, id): &(String, String)) -> (u16, Bytes) {
    let url = format!("http://{}/v1/{collection}/{id}", reader.listen);
    let answer = fleet
        .http
        .get(url)
        .send()
        .await
        .expect("the reader answers");
    let status = answer.status().as_u16();
    (status, answer.bytes().await.expect("the whole body"))
}
