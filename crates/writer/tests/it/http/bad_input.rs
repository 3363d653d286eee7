//! Bad input gets a clear answer and changes nothing.

mod content;
mod target;

use std::fmt::Write;

use axum::body::Body;
use shared::limits::{BODY_BYTES_MAX, ID_BYTES_MAX};

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
