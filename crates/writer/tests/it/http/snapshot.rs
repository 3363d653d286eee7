//! `/internal/snapshot`.

use bytes::{Buf, Bytes};
use futures_util::{StreamExt, stream};
use shared::{
    Change, Envelope, FeedMessage, Heartbeat,
    codec::{self, Trailer},
};

use super::site::{Answer, site};

/// A stream taken apart.
pub(super) struct Frames {
    pub(super) heartbeat: Heartbeat,
    pub(super) items: Vec<Bytes>,
    pub(super) trailer: Trailer,
}

pub(super) fn frames(answer: &Answer) -> Frames {
    assert_eq!(answer.status(), 200);
    assert_eq!(answer.field("content-type"), "application/octet-stream");
    assert_eq!(answer.field("cache-control"), "no-store");
    let mut rest = answer.content().clone();
    let mut frames = Vec::new();
    while rest.has_remaining() {
        let len = usize::try_from(rest.get_u32()).unwrap();
        assert!(len <= codec::FRAME_BYTES_MAX);
        frames.push(rest.split_to(len));
    }
    let trailer = frames.pop().unwrap();
    let heartbeat = frames.remove(0);
    let Ok(FeedMessage::Heartbeat(heartbeat)) = codec::decode_message(&heartbeat) else {
        panic!("the first frame is a heartbeat");
    };
    assert_eq!(
        answer.field("pressrun-position"),
        heartbeat.head.to_string()
    );
    assert!(!frames.iter().any(|frame| codec::is_trailer(frame)));
    let trailer = codec::decode_trailer(&trailer).unwrap();
    assert_eq!(trailer.epoch, heartbeat.head.epoch);
    assert_eq!(usize::try_from(trailer.items).unwrap(), frames.len());
    Frames {
        heartbeat,
        items: frames,
        trailer,
    }
}

fn envelopes(answer: &Answer) -> Vec<Envelope> {
    let frames = frames(answer);
    let decode = |frame: &Bytes| codec::decode(frame).unwrap();
    frames.items.iter().map(decode).collect()
}

#[tokio::test]
async fn an_empty_database_is_a_heartbeat_and_a_trailer() {
    let site = site().await;
    let answer = site.ask_internal("/internal/snapshot").await;
    let frames = frames(&answer);
    assert_eq!(frames.heartbeat.head, site.tip().await.position);
    assert_eq!(frames.trailer.items, 0);
}

#[tokio::test]
async fn it_holds_every_document_and_tombstone_with_all_representations() {
    let site = site().await;
    let long = format!("{{\"a\":\"{}\"}}", "x".repeat(2000));
    site.put("/v1/things/b", &long).await;
    site.put("/v1/things/a", "{}").await;
    site.put("/v1/others/z", r#"{"n":1}"#).await;
    site.put("/v1/others/z", r#"{"n":2}"#).await;
    site.delete_if("/v1/things/a", &[]).await;

    let envelopes = envelopes(&site.ask_internal("/internal/snapshot").await);

    let keys: Vec<_> = envelopes.iter().map(|one| one.key.as_str()).collect();
    assert_eq!(keys, ["others/z", "things/a", "things/b"]);
    let [other, deleted, document] = &envelopes[..] else {
        unreachable!("three keys")
    };
    assert_eq!(other.version.0, 2);
    assert_eq!(other.position.sequence.0, 4);
    assert_eq!(deleted.change, Change::Delete);
    assert_eq!(deleted.position, site.tip().await.position);
    assert_eq!(deleted.link, site.tip().await.link);
    let Change::Put(representations) = &document.change else {
        panic!("{document:?}")
    };
    assert_eq!(representations[0].octets, long);
    assert_eq!(representations.len(), 4);
}

#[tokio::test]
async fn many_pages_are_one_stream() {
    let site = site().await;
    // The queue of this site has room for twice as many.
    let writes = stream::iter(0..1500).for_each_concurrent(32, |n| {
        let site = &site;
        async move {
            let answer = site.put(&format!("/v1/things/{n}"), "{}").await;
            assert_eq!(answer.status(), 201);
        }
    });
    writes.await;
    let envelopes = envelopes(&site.ask_internal("/internal/snapshot").await);
    assert_eq!(envelopes.len(), 1500);
    assert!(envelopes.is_sorted_by_key(|one| one.key.id().to_owned()));
}
