//! What the database holds, and whether a reader serves exactly that.

use std::collections::BTreeMap;

use bytes::Bytes;
use futures_util::{StreamExt, stream};
use reqwest::{RequestBuilder, StatusCode, header::HeaderMap};
use testkit::eventually;

use fleet::{Fleet, Node};

/// Reads side by side.
const READS_AT_ONCE: usize = 64;

/// A document's collection and id.
pub(crate) type Key = (String, String);

/// What the database holds: live bodies by key, and deleted keys.
pub(crate) struct Truth {
    pub(crate) epoch: i64,
    pub(crate) head: i64,
    pub(crate) live: BTreeMap<Key, String>,
    pub(crate) deleted: Vec<Key>,
}

impl Truth {
    /// Reads all of it. Nobody may write meanwhile.
    pub(crate) async fn read(fleet: &Fleet) -> Self {
        let (epoch, head) = sqlx::query_as("SELECT epoch, head FROM feed")
            .fetch_one(&fleet.database)
            .await
            .expect("the feed row");
        let rows: Vec<(String, String, Option<String>)> = sqlx::query_as(
            "SELECT collection, id, CASE WHEN deleted_at IS NULL THEN body::text END \
             FROM documents",
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
    pub(crate) async fn check_log(&self, fleet: &Fleet) {
        let (count, lowest, highest): (i64, i64, i64) =
            sqlx::query_as("SELECT count(*), min(sequence), max(sequence) FROM changes")
                .fetch_one(&fleet.database)
                .await
                .expect("the log");
        assert_eq!((count, lowest, highest), (self.head, 1, self.head));
    }

    /// Every acknowledged write is here: `acknowledged` says of each post whether it lives.
    pub(crate) fn check_acknowledged(&self, acknowledged: &BTreeMap<String, bool>) {
        for (id, lives) in acknowledged {
            let here = self.live.contains_key(&("posts".to_owned(), id.clone()));
            assert_eq!(here, *lives, "the last acknowledged write of {id} holds");
        }
    }

    /// The reader reaches the head and then serves exactly this.
    pub(crate) async fn check_reader(&self, fleet: &Fleet, reader: &Node) {
        eventually(
            "the reader's position equals the database's head",
            async || {
                let status = fleet.status(reader).await?;
                let position = (status["epoch"].as_i64()?, status["sequence"].as_i64()?);
                (position == (self.epoch, self.head)).then_some(())
            },
        )
        .await;
        let live = stream::iter(&self.live);
        live.for_each_concurrent(READS_AT_ONCE, |(key, body)| async move {
            let (status, served) = read(fleet, reader, key).await;
            assert_eq!(status, 200, "{key:?}");
            assert_eq!(served, body.as_bytes(), "{key:?} is served byte for byte");
        })
        .await;
        let deleted = stream::iter(&self.deleted);
        deleted
            .for_each_concurrent(READS_AT_ONCE, |key| async move {
                assert_eq!(read(fleet, reader, key).await.0, 404, "{key:?}");
            })
            .await;
    }
}

async fn read(fleet: &Fleet, reader: &Node, (collection, id): &Key) -> (u16, Bytes) {
    let url = format!("http://{}/v1/{collection}/{id}", reader.listen);
    let (status, _headers, body) = known(fleet.http.get(url)).await;
    (status.as_u16(), body)
}

/// What a reader answers once it can tell. One over its budget asks Redis, which on a busy machine may
/// not answer in time, and one that is asked for a position may need longer to get there than it lets a
/// read wait: both say so rather than guess.
pub(crate) async fn known(request: RequestBuilder) -> (StatusCode, HeaderMap, Bytes) {
    eventually("the reader can tell", async || {
        let asked = request.try_clone().expect("it has no content").send();
        let answer = asked.await.expect("the reader answers");
        let (status, headers) = (answer.status(), answer.headers().clone());
        let body = answer.bytes().await.expect("the whole body");
        let told = String::from_utf8_lossy(&body);
        let cannot_tell = status == StatusCode::SERVICE_UNAVAILABLE
            && ["problem:unfetched", "problem:behind"]
                .iter()
                .any(|kind| told.contains(kind));
        (!cannot_tell).then_some((status, headers, body))
    })
    .await
}
