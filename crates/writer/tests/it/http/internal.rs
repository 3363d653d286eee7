//! The internal plane's small routes.

use std::sync::atomic::Ordering;

use bus::Follower;
use http::StatusCode;
use serde_json::json;
use shared::{
    EntityTag, ResourceKey, Sequence, Version,
    digest::{Digest, DocumentState, Listing},
};

use super::site::{Answer, request, send, site};

#[tokio::test]
async fn live_and_ready_tell_apart() {
    let site = site().await;
    assert_eq!(site.ask_internal("/livez").await.status(), 200);
    assert_eq!(site.ask_internal("/readyz").await.status(), 200);

    site.inspected.is_down.store(true, Ordering::Relaxed);

    assert_eq!(site.ask_internal("/livez").await.status(), 200);
    let unready = site.ask_internal("/readyz").await;
    unready.check_problem(503, "not-ready");
    assert_eq!(unready.json()["detail"], "the writer is draining");
}

#[tokio::test]
async fn metrics_are_open_metrics() {
    let site = site().await;
    let metrics = site.ask_internal("/metrics").await;
    assert_eq!(metrics.status(), 200);
    assert_eq!(
        metrics.field("content-type"),
        "application/openmetrics-text; version=1.0.0; charset=utf-8"
    );
    assert_eq!(metrics.content(), "# EOF\n");
}

#[tokio::test]
async fn status_has_its_members() {
    let site = site().await;
    let status = site.ask_internal("/status").await;
    assert_eq!(status.field("content-type"), "application/json");
    assert_eq!(
        status.json(),
        json!({
            "release": "0.0.0", "ready": true, "draining": false, "epoch": 7, "head": 3,
            "published_through": null, "leader": true, "term": 1, "queue_depth": 0,
            "queue_max": 4096, "tokens": null, "tokens_fault": null, "audit": null, "format": 1,
            "readers_format": null, "readers": [],
        })
    );
}

#[tokio::test]
async fn registered_readers_are_shown() {
    let site = site().await;
    let status = json!({"reader": "r1", "ready": true});
    let registered = site.bus.register("r1", &status.to_string()).await;
    registered.unwrap();
    let shown = site.ask_internal("/status").await;
    assert_eq!(shown.json()["readers"], json!([status]));
    // It is of a release that did not tell.
    assert_eq!(shown.json()["readers_format"], 1);
}

#[tokio::test]
async fn digest_tells_what_the_database_holds_at_its_head() {
    let site = site().await;
    site.put("/v1/things/a", r#"{"n":1}"#).await;
    site.put("/v1/things/a", r#"{ "n": 2 }"#).await;
    site.put("/v1/things/b", "{}").await;
    assert_eq!(site.delete_if("/v1/things/b", &[]).await.status(), 204);
    let head = site.store.feed().await.unwrap().tip.position;
    let key = ResourceKey::parse("things", "a").unwrap();
    let state = DocumentState {
        sequence: Sequence(2),
        version: Version(2),
        expires_at: None,
        tag: Some(EntityTag::of(br#"{"n":2}"#)),
    };

    let answer = site.ask_internal("/internal/digest?buckets=4").await;
    assert_eq!(
        (answer.status(), answer.field("cache-control")),
        (StatusCode::OK, "no-store")
    );
    let mut expected = Digest::empty(head, 4);
    expected.add(key.as_str(), &state);
    assert_eq!(Digest::from_text(&text(&answer)), Ok(expected));

    let bucket = key.bucket(4);
    for (asked, documents) in [(bucket, vec![(key, state)]), (bucket ^ 1, vec![])] {
        let target = format!("/internal/digest?buckets=4&of={asked}");
        let listing = Listing::from_text(&text(&site.ask_internal(&target).await));
        let expected = Listing {
            position: head,
            documents: documents.into_iter().collect(),
        };
        assert_eq!(listing, Ok(expected), "{target}");
    }
    let refused = site.ask_internal("/internal/digest?buckets=5").await;
    refused.check_problem(400, "malformed-request");
}

fn text(answer: &Answer) -> String {
    String::from_utf8(answer.content().to_vec()).unwrap()
}

#[tokio::test]
async fn it_has_no_public_routes_and_the_other_way_round() {
    let site = site().await;
    let answer = site.ask_internal("/v1/things/a").await;
    answer.check_problem(404, "no-such-route");
    let answer = site.get("/internal/snapshot").await;
    answer.check_problem(404, "no-such-route");
    let posted = send(&site.internal, request("POST", "/status", &[], "")).await;
    posted.check_problem(405, "method-not-allowed");
    assert_eq!(posted.field("allow"), "GET, HEAD");
}

#[tokio::test]
async fn a_panic_is_one_requests_own() {
    let site = site().await;
    site.inspected.panics.store(true, Ordering::Relaxed);
    let answer = site.ask_internal("/readyz").await;
    answer.check_problem(500, "internal");
    assert_eq!(site.ask_internal("/livez").await.status(), 200);
}
