//! Documents in bulk: what becomes of good lines and of bad ones.

mod lines;
mod stops;

use axum::{Router, body::Body};
use serde_json::{Value, json};

use super::site::{Answer, Site, request, send, site};

const NDJSON: (&str, &str) = ("content-type", "application/x-ndjson");

async fn import(public: &Router, path: &str, content: impl Into<Body>) -> Answer {
    send(public, request("POST", path, &[NDJSON], content)).await
}

/// Imports into `things` and expects these totals: lines, blank, created, updated, unchanged,
/// failed.
#[track_caller]
fn check_totals(answer: &Answer, totals: [u64; 6]) {
    let report = answer.json();
    let names = [
        "lines",
        "blank",
        "created",
        "updated",
        "unchanged",
        "failed",
    ];
    let found = names.map(|name| report[name].as_u64().unwrap());
    assert_eq!(found, totals, "{report}");
    let settled: u64 = found[1..].iter().sum();
    assert_eq!(report["lines_done"], settled, "{report}");
}

async fn stored(site: &Site, path: &str) -> String {
    let answer = site.get(path).await;
    assert_eq!(answer.status(), 200, "{path}");
    String::from_utf8(answer.content().to_vec()).unwrap()
}

#[tokio::test]
async fn lines_become_documents_with_totals_and_the_highest_position() {
    let site = site().await;
    let content = r#"{"id":"a","body":{"n": 1.50, "big": 12345678901234567890123}}
{"body":{"n":2},"id":"b/ü"}
{"id":"import","body":{}}
"#;
    let answer = import(&site.public, "/v1/things/import", content).await;
    assert_eq!(answer.status(), 200);
    assert_eq!(answer.field("content-type"), "application/json");
    assert_eq!(answer.field("cache-control"), "no-store");
    check_totals(&answer, [3, 0, 3, 0, 0, 0]);
    let tip = site.tip().await.position.to_string();
    assert_eq!(answer.field("pressrun-position"), tip);
    assert_eq!(answer.json()["position"], tip);
    assert_eq!(answer.json()["errors"], json!([]));
    assert_eq!(
        stored(&site, "/v1/things/a").await,
        r#"{"n":1.50,"big":12345678901234567890123}"#
    );
    assert_eq!(stored(&site, "/v1/things/b%2F%C3%BC").await, r#"{"n":2}"#);
    assert_eq!(stored(&site, "/v1/things/import").await, "{}");
}

#[tokio::test]
async fn writing_again_tells_updated_from_unchanged() {
    let site = site().await;
    let first = "{\"id\":\"a\",\"body\":{\"n\":1}}\n{\"id\":\"b\",\"body\":{\"n\":1}}\n";
    import(&site.public, "/v1/things/import", first).await;
    let before = site.tip().await.position.to_string();
    let again = import(&site.public, "/v1/things/import", first).await;
    check_totals(&again, [2, 0, 0, 0, 2, 0]);
    assert_eq!(again.field("pressrun-position"), before);
    let second = first.replacen(":1}", ":2}", 1);
    let changed = import(&site.public, "/v1/things/import", second).await;
    check_totals(&changed, [2, 0, 0, 1, 1, 0]);
}

#[tokio::test]
async fn import_is_still_an_id_for_other_methods() {
    let site = site().await;
    assert_eq!(site.put("/v1/things/import", "{}").await.status(), 201);
    assert_eq!(site.get("/v1/things/import").await.status(), 200);
    assert_eq!(site.delete_if("/v1/things/import", &[]).await.status(), 204);
    let patch = request("PATCH", "/v1/things/import", &[], "");
    let answer = send(&site.public, patch).await;
    answer.check_problem(405, "method-not-allowed");
    assert_eq!(answer.field("allow"), "GET, HEAD, PUT, DELETE, POST");
}

#[tokio::test]
async fn failed_lines_are_named_and_their_neighbours_stored() {
    let site = site().await;
    let content = [
        r#"{"id":"a","body":{}}"#,
        r#"{"id":"a","body":{"x":1,"x":2}}"#,
        r#"{"id":"b","body":[]}"#,
        r#"{"id":"b","body":{"x":"\u0000"}}"#,
        r#"{"id":"b","body":{"x":"\ud800"}}"#,
        r#"{"id":"b","body":{"x":}}"#,
        r#"{"id":"b","body":{}"#,
        r#"{"id":"","body":{}}"#,
        r#"{"id":7,"body":{}}"#,
        r#"{"body":{}}"#,
        r#"{"id":"b"}"#,
        r#"{"id":"b","body":{},"extra":1}"#,
        r#"{"id":"b","id":"c","body":{}}"#,
        r#"{"id":"b","body":{},"collection":"others"}"#,
        r#"["b",{}]"#,
        r"nonsense",
        r#"{"id":"z","body":{},"collection":"things"}"#,
    ]
    .join("\n");
    let answer = import(&site.public, "/v1/things/import", content).await;
    check_totals(&answer, [17, 0, 2, 0, 0, 15]);
    let report = answer.json();
    let shown: Vec<String> = report["errors"]
        .as_array()
        .unwrap()
        .iter()
        .map(|error| {
            let id = error.get("id").and_then(Value::as_str).unwrap_or("-");
            let detail = error["detail"].as_str().unwrap();
            format!("{} {id} {} {detail}", error["line"], error["status"])
        })
        .collect();
    insta::assert_snapshot!(shown.join("\n"));
    assert_eq!(stored(&site, "/v1/things/a").await, "{}");
    assert_eq!(site.get("/v1/things/b").await.status(), 404);
}

#[tokio::test]
async fn posts_obey_their_schema() {
    let site = site().await;
    let content = r#"{"id":"a","body":{"author":"w","title":"t","content":"c"}}
{"id":"b","body":{"title":"t"}}
{"id":"c","body":{"id":"other","author":"w","title":"t","content":"c"}}
"#;
    let answer = import(&site.public, "/v1/posts/import", content).await;
    check_totals(&answer, [3, 0, 1, 0, 0, 2]);
    assert_eq!(
        stored(&site, "/v1/posts/a").await,
        r#"{"id":"a","title":"t","content":"c","author":"w"}"#
    );
}

#[tokio::test]
async fn as_many_failed_lines_are_named_as_asked_for() {
    let site = site().await;
    let content = "x\n".repeat(150);
    for (query, named) in [("", 100), ("?errors=0", 0), ("?errors=150", 150)] {
        let path = format!("/v1/things/import{query}");
        let report = import(&site.public, &path, content.clone()).await.json();
        assert_eq!(report["errors"].as_array().unwrap().len(), named);
        assert_eq!(report["errors_omitted"], 150 - named);
        assert_eq!(report["position"], Value::Null);
    }
}

#[tokio::test]
async fn what_is_no_import_is_refused_before_its_content_is_read() {
    let site = site().await;
    let json = ("content-type", "application/json");
    let jsonl = ("content-type", "Application/JSONL; charset=\"utf-8\"");
    for (path, fields, status) in [
        ("/v1/things/import", &[json][..], 415),
        ("/v1/things/import", &[], 415),
        (
            "/v1/things/import",
            &[NDJSON, ("content-encoding", "gzip")],
            415,
        ),
        ("/v1/things/import", &[NDJSON, ("if-match", "*")], 400),
        ("/v1/things/import", &[NDJSON, ("if-none-match", "*")], 400),
        (
            "/v1/things/import",
            &[NDJSON, ("pressrun-expires-at", "2100-01-01T00:00:00Z")],
            400,
        ),
        ("/v1/Things/import", &[NDJSON], 400),
        ("/v1/things/import?errors=x", &[NDJSON], 400),
        ("/v1/things/import?errors=10001", &[NDJSON], 400),
        ("/v1/things/import?errors=1&errors=2", &[NDJSON], 400),
        ("/v1/things/import", &[jsonl], 200),
    ] {
        let post = request("POST", path, fields, "");
        let answer = send(&site.public, post).await;
        assert_eq!(answer.status(), status, "{path} {fields:?}");
        if status == 415 {
            assert_eq!(answer.field("accept"), "application/x-ndjson");
        }
    }
}
