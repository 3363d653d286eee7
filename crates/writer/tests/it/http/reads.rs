//! What reads answer.

use http::StatusCode;
use shared::EntityTag;

use super::site::{request, send, site};

#[tokio::test]
async fn get_answers_the_stored_octets_with_their_validators() {
    let site = site().await;
    site.put("/v1/things/a", r#"{"n": 1.0}"#).await;

    let got = site.get("/v1/things/a").await;

    assert_eq!(got.status(), StatusCode::OK);
    assert_eq!(got.content(), r#"{"n":1.0}"#);
    assert_eq!(got.field("content-type"), "application/json");
    assert_eq!(got.field("content-length"), "9");
    assert_eq!(got.field("etag"), EntityTag::of(got.content()).to_string());
    assert_eq!(got.field("cache-control"), "no-cache");
    assert_eq!(got.field("pressrun-document-version"), "1");
    assert_eq!(got.field("x-content-type-options"), "nosniff");
    assert_eq!(got.field("content-encoding"), "");
}

#[tokio::test]
async fn head_answers_the_header_fields_of_get() {
    let site = site().await;
    site.put("/v1/things/a", "{}").await;

    let got = site.get("/v1/things/a").await;
    let head = send(&site.public, request("HEAD", "/v1/things/a", &[], "")).await;

    assert_eq!(head.status(), StatusCode::OK);
    assert!(head.content().is_empty());
    for name in ["content-type", "content-length", "etag", "cache-control"] {
        assert_eq!(head.field(name), got.field(name), "{name}");
    }
    let missing = send(&site.public, request("HEAD", "/v1/things/b", &[], "")).await;
    assert_eq!(missing.status(), StatusCode::NOT_FOUND);
    assert!(missing.content().is_empty());
}

#[tokio::test]
async fn a_document_that_never_was_is_404() {
    let site = site().await;
    let missing = site.get("/v1/things/a").await;
    missing.check_problem(404, "no-such-document");
}

#[tokio::test]
async fn if_none_match_with_the_identity_tag_answers_304() {
    let site = site().await;
    let tag = site
        .put("/v1/things/a", "{}")
        .await
        .field("etag")
        .to_owned();
    let weak = format!("\"x\", W/{tag}");
    for field in [tag.as_str(), weak.as_str(), "*"] {
        let get = request("GET", "/v1/things/a", &[("if-none-match", field)], "");

        let answer = send(&site.public, get).await;

        assert_eq!(answer.status(), StatusCode::NOT_MODIFIED, "{field}");
        assert!(answer.content().is_empty());
        assert_eq!(answer.field("etag"), tag);
        assert_eq!(answer.field("cache-control"), "no-cache");
        assert_eq!(answer.field("pressrun-document-version"), "1");
        assert_eq!(answer.field("content-type"), "");
    }
    let get = request("GET", "/v1/things/a", &[("if-none-match", "\"x\"")], "");
    assert_eq!(send(&site.public, get).await.status(), StatusCode::OK);
}

#[tokio::test]
async fn if_match_guards_reads_too() {
    let site = site().await;
    let tag = site
        .put("/v1/things/a", "{}")
        .await
        .field("etag")
        .to_owned();
    let holds = request("GET", "/v1/things/a", &[("if-match", &tag)], "");
    assert_eq!(send(&site.public, holds).await.status(), StatusCode::OK);
    let fails = request("GET", "/v1/things/a", &[("if-match", "\"x\"")], "");
    send(&site.public, fails)
        .await
        .check_problem(412, "precondition-failed");
}
