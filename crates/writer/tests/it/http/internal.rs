//! The internal plane's small routes.

use std::sync::atomic::Ordering;

use serde_json::json;

use super::site::{request, send, site};

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
            "queue_max": 4096,
            "tokens": null,
            "tokens_fault": null,
        })
    );
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
