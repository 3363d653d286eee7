//! `/internal/feed`.

use bytes::Bytes;
use shared::{Delivery, Epoch, FeedMessage, Link, Position, Sequence, codec};
use writer::store::Tip;

use super::{
    site::{Answer, Site, site},
    snapshot::frames,
};

async fn ask(site: &Site, after: &Tip, limit: &str) -> Answer {
    let Tip { position, link } = after;
    let path = format!(
        "/internal/feed?after={position}&link={:016x}{limit}",
        link.0
    );
    site.ask_internal(&path).await
}

fn deliveries(answer: &Answer) -> Vec<Delivery> {
    let decode = |frame: &Bytes| match codec::decode_message(frame) {
        Ok(FeedMessage::Delivery(delivery)) => delivery,
        other => panic!("{other:?}"),
    };
    frames(answer).items.iter().map(decode).collect()
}

#[tokio::test]
async fn it_delivers_every_change_after_a_position() {
    let site = site().await;
    let start = site.tip().await;
    site.put("/v1/things/a", r#"{"n":1}"#).await;
    let first = site.tip().await;
    site.put("/v1/things/b", r#"{"n":2}"#).await;
    site.put("/v1/things/a", r#"{"n":3}"#).await;
    site.delete_if("/v1/things/b", &[]).await;

    let all = ask(&site, &start, "").await;
    let some = ask(&site, &first, "&limit=2").await;

    let sequences = |deliveries: &[Delivery]| -> Vec<u64> {
        let slots = deliveries.iter().map(|one| one.slot.position.sequence.0);
        slots.collect()
    };
    assert_eq!(frames(&all).heartbeat.head, site.tip().await.position);
    assert_eq!(frames(&all).heartbeat.link, site.tip().await.link);
    let all = deliveries(&all);
    assert_eq!(sequences(&all), [1, 2, 3, 4]);
    assert_eq!(sequences(&deliveries(&some)), [2, 3]);
    assert!(
        all.windows(2)
            .all(|two| two[0].slot.link == two[1].slot.prev_link)
    );
    // Each slot carries its key's current envelope.
    let first = all[0].envelope.as_ref().unwrap();
    assert_eq!(
        (first.key.as_str(), first.position.sequence.0),
        ("things/a", 3)
    );
    let second = all[1].envelope.as_ref().unwrap();
    assert_eq!(
        (second.key.as_str(), second.position.sequence.0),
        ("things/b", 4)
    );
}

#[tokio::test]
async fn at_the_head_it_is_a_heartbeat_and_a_trailer() {
    let site = site().await;
    let start = site.tip().await;
    assert!(deliveries(&ask(&site, &start, "").await).is_empty());
    site.put("/v1/things/a", "{}").await;
    let tip = site.tip().await;
    assert!(deliveries(&ask(&site, &tip, "").await).is_empty());
}

#[tokio::test]
async fn another_link_is_409_and_begins_a_new_epoch() {
    let site = site().await;
    site.put("/v1/things/a", "{}").await;
    site.put("/v1/things/b", "{}").await;
    let tip = site.tip().await;
    let stranger = Tip {
        link: Link(tip.link.0 ^ 1),
        ..tip
    };

    let forked = ask(&site, &stranger, "").await;

    forked.check_problem(409, "epoch-ended");
    let now = site.tip().await.position;
    assert!(now.epoch > tip.position.epoch);
    assert_eq!(forked.field("pressrun-position"), now.to_string());
    // Who comes from the epoch before is told so, and nothing changes any more.
    ask(&site, &tip, "").await.check_problem(409, "epoch-ended");
    assert_eq!(site.tip().await.position, now);
}

#[tokio::test]
async fn a_reader_ahead_of_the_database_is_409_and_begins_a_new_epoch() {
    let site = site().await;
    let tip = site.tip().await;
    for ahead in [
        Position::new(tip.position.epoch, Sequence(5)),
        Position::new(Epoch(tip.position.epoch.0 + 1_000_000_000), Sequence(0)),
    ] {
        let before = site.tip().await.position.epoch.max(ahead.epoch);
        let seen = Tip {
            position: ahead,
            link: Link(9),
        };
        ask(&site, &seen, "")
            .await
            .check_problem(409, "epoch-ended");
        assert!(site.tip().await.position.epoch > before);
    }
}

#[tokio::test]
async fn pruned_changes_are_410_with_the_head() {
    let site = site().await;
    let start = site.tip().await;
    site.put("/v1/things/a", r#"{"n":1}"#).await;
    site.put("/v1/things/a", r#"{"n":2}"#).await;
    site.put("/v1/things/a", r#"{"n":3}"#).await;
    site.store.prune(Sequence(3), 10).await.unwrap();

    let pruned = ask(&site, &start, "").await;

    pruned.check_problem(410, "pruned");
    let tip = site.tip().await;
    assert_eq!(pruned.field("pressrun-position"), tip.position.to_string());
    assert!(deliveries(&ask(&site, &tip, "").await).is_empty());
}

#[tokio::test]
async fn malformed_questions_are_400() {
    let site = site().await;
    for query in [
        "",
        "?after=1.0",
        "?link=0000000000000000",
        "?after=x&link=0000000000000000",
        "?after=1&link=0000000000000000",
        "?after=1.0&link=0",
        "?after=1.0&link=+000000000000000",
        "?after=1.0&link=000000000000000g",
        "?after=1.0&link=0000000000000000&limit=0",
        "?after=1.0&link=0000000000000000&limit=1025",
        "?after=1.0&link=0000000000000000&limit=x",
    ] {
        let answer = site.ask_internal(&format!("/internal/feed{query}")).await;
        answer.check_problem(400, "malformed-request");
    }
}
