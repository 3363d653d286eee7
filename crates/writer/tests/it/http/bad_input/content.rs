//! Header fields of content, and the content itself.

use shared::limits::{BODY_BYTES_MAX, ID_BYTES_MAX};

use super::{
    super::site::{request, site},
    JSON, check, check_request,
};

#[tokio::test]
async fn malformed_json_is_400() {
    let site = site().await;
    for content in [
        "",
        "{",
        "{\"a\":1,}",
        "{\"a\":01}",
        "nonsense",
        "{}{}",
        "\u{feff}{}",
    ] {
        check(
            &site,
            "PUT",
            "/v1/things/a",
            content,
            (400, "malformed-request"),
        )
        .await;
        check(
            &site,
            "POST",
            "/v1/things",
            content,
            (400, "malformed-request"),
        )
        .await;
        check(
            &site,
            "POST",
            "/create",
            content,
            (400, "malformed-request"),
        )
        .await;
    }
    let not_utf8 = request("PUT", "/v1/things/a", JSON, &b"{\"a\":\"\xff\"}"[..]);
    check_request(&site, not_utf8, (400, "malformed-request")).await;
}

#[tokio::test]
async fn json_that_is_no_document_is_422() {
    let site = site().await;
    let too_deep = format!("{{\"a\":{}{}}}", "[".repeat(64), "]".repeat(64));
    for content in [
        "[]",
        "\"a\"",
        "null",
        "{\"a\":1,\"a\":2}",
        "{\"a\":[{\"b\":1,\"\\u0062\":2}]}",
        "{\"a\":\"\\u0000\"}",
        "{\"a\":\"\0\"}",
        "{\"a\":\"\\ud800\"}",
        "{\"\\udfff\":1}",
        too_deep.as_str(),
    ] {
        check(
            &site,
            "PUT",
            "/v1/things/a",
            content,
            (422, "invalid-document"),
        )
        .await;
        check(
            &site,
            "POST",
            "/v1/things",
            content,
            (422, "invalid-document"),
        )
        .await;
        check(&site, "POST", "/create", content, (422, "invalid-document")).await;
    }
    let deepest = format!("{{\"a\":{}{}}}", "[".repeat(63), "]".repeat(63));
    assert_eq!(site.put("/v1/things/a", &deepest).await.status(), 201);
}

#[tokio::test]
async fn posts_that_break_their_schema_are_422() {
    let site = site().await;
    for content in [
        "{}",
        r#"{"title":"t","content":"c"}"#,
        r#"{"title":"t","content":"c","author":"w","more":1}"#,
        r#"{"title":1,"content":"c","author":"w"}"#,
        r#"{"title":"t","content":null,"author":"w"}"#,
        r#"{"id":"","title":"t","content":"c","author":"w"}"#,
        r#"{"id":"..","title":"t","content":"c","author":"w"}"#,
        r#"{"id":"a\u0001","title":"t","content":"c","author":"w"}"#,
        r#"{"id":7,"title":"t","content":"c","author":"w"}"#,
    ] {
        check(&site, "POST", "/create", content, (422, "invalid-document")).await;
        check(
            &site,
            "POST",
            "/v1/posts",
            content,
            (422, "invalid-document"),
        )
        .await;
        check(
            &site,
            "PUT",
            "/v1/posts/b",
            content,
            (422, "invalid-document"),
        )
        .await;
    }
    let long = format!(
        r#"{{"id":"{}","title":"t","content":"c","author":"w"}}"#,
        "x".repeat(ID_BYTES_MAX + 1)
    );
    check(&site, "POST", "/create", &long, (422, "invalid-document")).await;
    let other = r#"{"id":"a","title":"t","content":"c","author":"w"}"#;
    check(
        &site,
        "PUT",
        "/v1/posts/b",
        other,
        (422, "invalid-document"),
    )
    .await;
}

#[tokio::test]
async fn bodies_are_taken_up_to_the_limit() {
    let site = site().await;
    let sized = |len: usize| format!("{{\"a\":\"{}\"}}", "x".repeat(len - 8));
    let too_large = sized(BODY_BYTES_MAX + 1);
    check(
        &site,
        "PUT",
        "/v1/things/a",
        &too_large,
        (413, "content-too-large"),
    )
    .await;
    check(
        &site,
        "POST",
        "/v1/things",
        &too_large,
        (413, "content-too-large"),
    )
    .await;
    check(
        &site,
        "POST",
        "/create",
        &too_large,
        (413, "content-too-large"),
    )
    .await;
    let largest = sized(BODY_BYTES_MAX);
    assert_eq!(site.put("/v1/things/a", &largest).await.status(), 201);
    assert_eq!(site.get("/v1/things/a").await.content(), &largest);
}

#[tokio::test]
async fn other_media_types_are_415() {
    let site = site().await;
    for fields in [
        &[][..],
        &[("content-type", "text/plain")],
        &[("content-type", "application/merge-patch+json")],
        &[("content-type", "application/json; charset=latin1")],
        &[("content-type", "application/jsonx")],
        &[
            ("content-type", "application/json"),
            ("content-type", "text/plain"),
        ],
        &[
            ("content-type", "application/json"),
            ("content-encoding", "gzip"),
        ],
        &[
            ("content-type", "application/json"),
            ("content-encoding", "identity, br"),
        ],
    ] {
        for (method, path) in [
            ("PUT", "/v1/things/a"),
            ("POST", "/v1/things"),
            ("POST", "/create"),
        ] {
            let asked = request(method, path, fields, "{}");
            let answer = check_request(&site, asked, (415, "unsupported-media-type")).await;
            assert_eq!(answer.field("accept"), "application/json");
            assert_eq!(answer.field("accept-encoding"), "identity");
        }
    }
}
