//! Bad input gets a clear answer and changes nothing.

use std::fmt::Write;

use axum::body::Body;
use shared::limits::{BODY_BYTES_MAX, ID_BYTES_MAX};
use writer::http::TARGET_BYTES_MAX;

use super::site::{Answer, Site, request, send, site};

const JSON: &[(&str, &str)] = &[("content-type", "application/json")];

/// Sends a request, checks that it changed nothing, and that it got this problem.
async fn check(site: &Site, method: &str, path: &str, content: &str, expected: (u16, &str)) {
    let put = request(method, path, JSON, content.to_owned());
    check_request(site, put, expected).await;
}

async fn check_request(
    site: &Site,
    request: http::Request<Body>,
    (status, name): (u16, &str),
) -> Answer {
    let before = site.tip().await;
    let asked = format!("{} {}", request.method(), request.uri());
    let answer = send(&site.public, request).await;
    let found = (answer.status().as_u16(), answer.problem());
    assert_eq!(
        found,
        (status, name.to_owned()),
        "{asked}: {}",
        answer.json()
    );
    assert_eq!(site.tip().await, before, "{asked} changed the database");
    answer
}

#[tokio::test]
async fn unknown_routes_are_404() {
    let site = site().await;
    for path in [
        "/",
        "/v1",
        "/v1/",
        "/v2/things/a",
        "/post",
        "/v1/things/a/b",
        "/v1/things/a/",
    ] {
        for method in ["GET", "PUT", "POST", "DELETE", "OPTIONS"] {
            check(&site, method, path, "{}", (404, "no-such-route")).await;
        }
    }
}

#[tokio::test]
async fn wrong_methods_are_405_with_allow() {
    let site = site().await;
    for (method, path, allow) in [
        ("GET", "/create", "POST"),
        ("PUT", "/create", "POST"),
        ("OPTIONS", "/create", "POST"),
        ("GET", "/v1/things", "POST"),
        ("DELETE", "/v1/things", "POST"),
        ("POST", "/v1/things/a", "GET, HEAD, PUT, DELETE"),
        ("PATCH", "/v1/things/a", "GET, HEAD, PUT, DELETE"),
        ("BREW", "/v1/things/a", "GET, HEAD, PUT, DELETE"),
        ("POST", "/health", "GET, HEAD"),
    ] {
        let asked = request(method, path, JSON, "{}");
        let answer = check_request(&site, asked, (405, "method-not-allowed")).await;
        assert_eq!(answer.field("allow"), allow, "{method} {path}");
    }
}

#[tokio::test]
async fn bad_keys_are_400() {
    let site = site().await;
    let too_long = format!("/v1/things/{}", "x".repeat(ID_BYTES_MAX + 1));
    let too_long_decoded = format!("/v1/things/{}", "%C3%A9".repeat(ID_BYTES_MAX / 2 + 1));
    let long_collection = format!("/v1/{}/a", "c".repeat(65));
    for path in [
        "/v1//a",
        "/v1/things/",
        "/v1/things/.",
        "/v1/things/..",
        "/v1/things/%2E%2E",
        "/v1/things/a%00",
        "/v1/things/a%0Ab",
        "/v1/things/%7F",
        "/v1/things/%C2%85",
        "/v1/things/a%zz",
        "/v1/things/a%",
        "/v1/things/a%4",
        "/v1/things/%FF",
        "/v1/Things/a",
        "/v1/1things/a",
        "/v1/th.ings/a",
        "/v1/th%2Fings/a",
        too_long.as_str(),
        too_long_decoded.as_str(),
        long_collection.as_str(),
    ] {
        for method in ["GET", "PUT", "DELETE"] {
            check(&site, method, path, "{}", (400, "malformed-request")).await;
        }
    }
    check(
        &site,
        "POST",
        "/v1/Things",
        "{}",
        (400, "malformed-request"),
    )
    .await;
}

#[tokio::test]
async fn keys_are_allowed_up_to_their_limits() {
    let site = site().await;
    let path = format!(
        "/v1/{}/{}",
        "c".repeat(64),
        "%C3%A9".repeat(ID_BYTES_MAX / 2)
    );
    let created = site.put(&path, "{}").await;
    assert_eq!(created.status(), 201);
    assert_eq!(created.field("location"), path);
}

#[tokio::test]
async fn long_targets_are_414() {
    let site = site().await;
    let sized = |len: usize| format!("/v1/things/a?{}", "x".repeat(len - 13));
    let too_long = request("PUT", &sized(TARGET_BYTES_MAX + 1), JSON, "{}");
    check_request(&site, too_long, (414, "uri-too-long")).await;
    assert_eq!(site.put(&sized(TARGET_BYTES_MAX), "{}").await.status(), 201);
}

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

/// One of each, so that a change of wording is seen in review.
#[tokio::test]
async fn problems_tell_what_was_wrong_and_the_limit() {
    let site = site().await;
    let post = |rest: &str| format!(r#"{{"title":"t","content":"c",{rest}}}"#);
    let long_id = format!("/v1/things/{}", "x".repeat(ID_BYTES_MAX + 1));
    let large = "x".repeat(BODY_BYTES_MAX + 1);
    let long_title = format!(
        r#"{{"title":"{}","content":"c","author":"w"}}"#,
        "t".repeat(1025)
    );
    let deep = "[".repeat(100);
    let mut found = String::new();
    for (method, path, content) in [
        ("GET", "/nowhere", ""),
        ("POST", "/v1/things/a", ""),
        ("GET", "/v1/things/a", ""),
        ("GET", "/v1/things/", ""),
        ("GET", "/v1/things/..", ""),
        ("GET", "/v1/things/a%0A", ""),
        ("GET", "/v1/things/a%zz", ""),
        ("GET", "/v1/things/%FF", ""),
        ("GET", "/v1/Things/a", ""),
        ("GET", &long_id, ""),
        ("PUT", "/v1/things/a", ""),
        ("PUT", "/v1/things/a", "{\"a\" 1}"),
        ("PUT", "/v1/things/a", "[]"),
        ("PUT", "/v1/things/a", "{\"a\":1,\"a\":2}"),
        ("PUT", "/v1/things/a", "{\"a\":\"\\u0000\"}"),
        ("PUT", "/v1/things/a", "{\"a\":\"\\ud800\"}"),
        ("PUT", "/v1/things/a", &deep),
        ("PUT", "/v1/things/a", &large),
        ("POST", "/create", &post("\"more\":1")),
        ("POST", "/create", &post("\"author\":\"w\",\"more\":1")),
        ("POST", "/create", &post("\"author\":1")),
        ("POST", "/create", &post("\"author\":\"w\",\"id\":\"\"")),
        ("POST", "/create", &long_title),
        ("PUT", "/v1/posts/b", &post("\"author\":\"w\",\"id\":\"a\"")),
    ] {
        let answer = send(
            &site.public,
            request(method, path, JSON, content.to_owned()),
        )
        .await;
        answer.problem();
        let shown = |text: &str| text.chars().take(48).collect::<String>();
        writeln!(found, "{method} {} {}", shown(path), shown(content)).unwrap();
        writeln!(
            found,
            "{} {}\n",
            answer.status(),
            String::from_utf8_lossy(answer.content())
        )
        .unwrap();
    }
    insta::assert_snapshot!(found);
}
