//! Bad input gets a clear answer and changes nothing.

use http::header;

use super::{ask, finds, plane, refuses};
use crate::http::data::TARGET_BYTES_MAX;

#[tokio::test]
async fn unknown_routes_are_404() {
    for target in [
        "/",
        "/v1",
        "/v1/",
        "/v1/posts",
        "/v1/posts/a/b",
        "/v1/posts/a/",
        "/post/",
        "/post/a",
        "/v2/posts/a",
        "/posts/a",
        "/livez",
        "/metrics",
        "//post?id=a",
        "/POST?id=a",
    ] {
        refuses(&plane(), "GET", target, 404, "no-such-route").await;
        refuses(&plane(), "POST", target, 404, "no-such-route").await;
    }
}

#[tokio::test]
async fn other_methods_are_405_with_allow() {
    for method in [
        "POST", "PUT", "DELETE", "PATCH", "OPTIONS", "TRACE", "get", "PURGE",
    ] {
        for target in ["/post?id=a", "/v1/posts/a", "/health"] {
            refuses(&plane(), method, target, 405, "method-not-allowed").await;
            let (response, _) = ask(&plane(), method, target).await;
            assert_eq!(
                response.headers()[header::ALLOW],
                "GET, HEAD",
                "{method} {target}"
            );
        }
    }
}

#[tokio::test]
async fn invalid_keys_are_400() {
    let long = "x".repeat(257);
    let (long_id, long_post) = (format!("/v1/posts/{long}"), format!("/post?id={long}"));
    let long_collection = format!("/v1/{}/a", "c".repeat(65));
    for target in [
        "/post",
        "/post?",
        "/post?id",
        "/post?id=",
        "/post?ID=a",
        "/post?id=a&id=a",
        "/post?id=a&id",
        "/post?id=.",
        "/post?id=%2E%2E",
        "/post?id=%00",
        "/post?id=a%0Ab",
        "/post?id=%7F",
        "/post?id=%C2%85",
        "/post?id=%",
        "/post?id=%2",
        "/post?id=%zz",
        "/post?id=%FF",
        "/v1/posts/",
        "/v1/posts/.",
        "/v1/posts/..",
        "/v1/posts/%2e%2E",
        "/v1/posts/%00",
        "/v1/posts/a%",
        "/v1/posts/%C3",
        "/v1/Posts/a",
        "/v1/1posts/a",
        "/v1/po%20sts/a",
        "/v1//a",
        long_id.as_str(),
        long_post.as_str(),
        long_collection.as_str(),
    ] {
        refuses(&plane(), "GET", target, 400, "malformed-request").await;
    }
}

#[tokio::test]
async fn an_id_at_the_limit_is_looked_for() {
    let id = "%78".repeat(256);
    refuses(
        &plane(),
        "GET",
        &format!("/v1/posts/{id}"),
        404,
        "no-such-document",
    )
    .await;
}

#[tokio::test]
async fn a_target_past_the_limit_is_414() {
    let prefix = "/v1/posts/a?";
    let at_limit = format!("{prefix}{}", "x".repeat(TARGET_BYTES_MAX - prefix.len()));
    finds(&at_limit, "a").await;
    refuses(
        &plane(),
        "GET",
        &format!("{at_limit}x"),
        414,
        "uri-too-long",
    )
    .await;
}
