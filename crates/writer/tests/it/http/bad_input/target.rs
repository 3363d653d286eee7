//! Methods and request targets.

use shared::limits::ID_BYTES_MAX;
use writer::http::TARGET_BYTES_MAX;

use super::{
    super::site::{request, site},
    JSON, check, check_request,
};

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
