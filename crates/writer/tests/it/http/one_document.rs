//! `/internal/v1/{collection}/{id}`.

use shared::{Change, Epoch, Link, Position, codec};
use writer::store::Tip;

use super::{
    site::{Answer, Site, site},
    snapshot::frames,
};

async fn ask(site: &Site, id: &str, after: &Tip) -> Answer {
    let Tip { position, link } = after;
    let path = format!(
        "/internal/v1/things/{id}?after={position}&link={:016x}",
        link.0
    );
    site.ask_internal(&path).await
}

#[tokio::test]
async fn it_answers_the_document_as_of_the_head_or_later() {
    let site = site().await;
    let start = site.tip().await;
    site.put("/v1/things/a%2Fb%3F", r#"{"n":1}"#).await;
    site.put("/v1/things/a%2Fb%3F", r#"{"n":2}"#).await;
    let answer = ask(&site, "a%2Fb%3F", &start).await;
    let frames = frames(&answer);
    assert_eq!(frames.heartbeat.head, site.tip().await.position);
    assert_eq!(frames.heartbeat.link, site.tip().await.link);
    let [envelope] = &frames.items[..] else {
        panic!("{} items", frames.items.len());
    };
    let envelope = codec::decode(envelope).unwrap();
    assert_eq!(envelope.key.as_str(), "things/a/b?");
    assert_eq!(envelope.position, frames.heartbeat.head);
}

#[tokio::test]
async fn a_deleted_document_is_its_tombstone_and_none_is_none() {
    let site = site().await;
    let start = site.tip().await;
    site.put("/v1/things/a", r#"{"n":1}"#).await;
    site.delete_if("/v1/things/a", &[]).await;
    let deleted = frames(&ask(&site, "a", &start).await);
    let envelope = codec::decode(&deleted.items[0]).unwrap();
    assert_eq!(envelope.change, Change::Delete);
    let none = frames(&ask(&site, "none", &start).await);
    assert!(none.items.is_empty());
    assert_eq!(none.heartbeat.head, site.tip().await.position);
}

#[tokio::test]
async fn whoever_has_another_history_is_refused() {
    let site = site().await;
    site.put("/v1/things/a", r#"{"n":1}"#).await;
    let tip = site.tip().await;
    let forked = Tip {
        link: Link(tip.link.0 ^ 1),
        ..tip
    };
    let refused = ask(&site, "a", &forked).await;
    assert_eq!(refused.status(), 409);
    assert_eq!(
        refused.field("pressrun-position"),
        site.tip().await.position.to_string()
    );
    let earlier = Tip {
        position: Position::new(Epoch(tip.position.epoch.0 - 1), tip.position.sequence),
        ..tip
    };
    assert_eq!(ask(&site, "a", &earlier).await.status(), 409);
}

#[tokio::test]
async fn whoever_is_behind_what_is_kept_is_refused() {
    let site = site().await;
    let start = site.tip().await;
    for n in 0..3 {
        site.put("/v1/things/a", &format!(r#"{{"n":{n}}}"#)).await;
    }
    let head = site.tip().await.position.sequence;
    site.store.prune(head, 100).await.unwrap();
    assert_eq!(ask(&site, "a", &start).await.status(), 410);
}

#[tokio::test]
async fn what_is_no_key_or_no_position_is_refused() {
    let site = site().await;
    let tip = site.tip().await;
    for id in ["..", "a%00", "%ff", ""] {
        let answer = ask(&site, id, &tip).await;
        assert!([400, 404].contains(&answer.status().as_u16()), "{id}");
    }
    for query in ["", "?after=1.1", "?after=x&link=0000000000000000"] {
        let path = format!("/internal/v1/things/a{query}");
        assert_eq!(site.ask_internal(&path).await.status(), 400, "{query}");
    }
}
