//! Where lines begin and end, and in which order they are carried out.

use std::fmt::Write;

use axum::body::Body;
use bytes::Bytes;
use futures_util::stream;
use shared::limits::BODY_BYTES_MAX;
use writer::{http::IN_FLIGHT_MAX, ndjson::LINE_BYTES_MAX};

use super::{check_totals, import, site, stored};

const PATH: &str = "/v1/things/import";

#[tokio::test]
async fn no_line_is_no_error() {
    let site = site().await;
    for (content, lines) in [("", 0), ("\n", 1), ("\r\n \n\n", 3)] {
        let answer = import(&site.public, PATH, content).await;
        assert_eq!(answer.status(), 200);
        check_totals(&answer, [lines, lines, 0, 0, 0, 0]);
        assert_eq!(answer.field("pressrun-position"), "");
    }
}

#[tokio::test]
async fn line_ends_may_be_crlf_and_the_last_one_may_be_missing() {
    let site = site().await;
    let content = "{\"id\":\"a\",\"body\":{}}\r\n\r\n{\"id\":\"b\",\"body\":{}}";
    let answer = import(&site.public, PATH, content).await;
    check_totals(&answer, [3, 1, 2, 0, 0, 0]);
}

#[tokio::test]
async fn a_line_may_come_in_any_pieces() {
    let site = site().await;
    let content = "{\"id\":\"ä\",\"body\":{\"t\":\"ü\"}}\n{\"id\":\"b\",\"body\":{}}\n";
    let octets = content.bytes().map(|octet| Ok(vec![octet]));
    let pieces = stream::iter(octets.collect::<Vec<Result<_, std::io::Error>>>());
    let answer = import(&site.public, PATH, Body::from_stream(pieces)).await;
    check_totals(&answer, [2, 0, 2, 0, 0, 0]);
    assert_eq!(stored(&site, "/v1/things/%C3%A4").await, r#"{"t":"ü"}"#);
}

/// A line whose body has this many octets.
fn line_of_body(id: &str, len: usize) -> String {
    let filling = "x".repeat(len - r#"{"t":""}"#.len());
    format!(r#"{{"id":"{id}","body":{{"t":"{filling}"}}}}"#)
}

#[tokio::test]
async fn the_limits_of_body_and_line_fail_one_line_each() {
    let site = site().await;
    let content = [
        line_of_body("fits", BODY_BYTES_MAX),
        line_of_body("large-body", BODY_BYTES_MAX + 1),
        "x".repeat(LINE_BYTES_MAX + 1),
        "x".repeat(3 * LINE_BYTES_MAX),
        r#"{"id":"after","body":{}}"#.to_owned(),
    ]
    .join("\n");
    let answer = import(&site.public, PATH, content).await;
    check_totals(&answer, [5, 0, 2, 0, 0, 3]);
    let errors = answer.json()["errors"].clone();
    for (at, line) in [2, 3, 4].into_iter().enumerate() {
        assert_eq!(errors[at]["line"], line);
        assert_eq!(errors[at]["status"], 413);
    }
    assert_eq!(errors[0]["id"], "large-body");
    assert_eq!(stored(&site, "/v1/things/after").await, "{}");
}

#[tokio::test]
async fn lines_of_one_key_are_carried_out_in_their_order() {
    let site = site().await;
    let mut content = String::new();
    for number in 0..300 {
        for id in ["a", "b", "c"] {
            writeln!(content, r#"{{"id":"{id}","body":{{"n":{number}}}}}"#).unwrap();
        }
    }
    let answer = import(&site.public, PATH, content).await;
    check_totals(&answer, [900, 0, 3, 897, 0, 0]);
    for id in ["a", "b", "c"] {
        assert_eq!(
            stored(&site, &format!("/v1/things/{id}")).await,
            r#"{"n":299}"#
        );
    }
}

/// The queue of the test's writer holds 64 writes: the import waits for room in it.
#[tokio::test]
async fn more_lines_than_fit_into_flight_or_queue_are_all_stored() {
    let site = site().await;
    let lines = 3 * IN_FLIGHT_MAX;
    let mut content = Vec::new();
    for number in 0..lines {
        let line = format!("{{\"id\":\"{number}\",\"body\":{{\"n\":{number}}}}}\n");
        content.push(Ok::<_, std::io::Error>(Bytes::from(line)));
    }
    let body = Body::from_stream(stream::iter(content));
    let answer = import(&site.public, PATH, body).await;
    let lines = u64::try_from(lines).unwrap();
    check_totals(&answer, [lines, 0, lines, 0, 0, 0]);
    assert_eq!(site.store.count().await.unwrap(), lines);
}

#[tokio::test]
async fn a_line_may_say_when_its_document_expires() {
    let site = site().await;
    let far = "2100-01-01T00:00:00.500000Z";
    let content = [
        format!(r#"{{"id":"a","expires_at":"{far}","body":{{}}}}"#),
        r#"{"id":"b","expires_at":null,"body":{}}"#.to_owned(),
        r#"{"id":"c","expires_at":"2001-01-01T00:00:00Z","body":{}}"#.to_owned(),
        r#"{"id":"d","expires_at":"in an hour","body":{}}"#.to_owned(),
        r#"{"id":"e","expires_at":4102444800,"body":{}}"#.to_owned(),
    ]
    .join("\n");
    let answer = import(&site.public, PATH, content).await;
    check_totals(&answer, [5, 0, 2, 0, 0, 3]);
    let errors = answer.json()["errors"].clone();
    for (at, id) in ["c", "d"].into_iter().enumerate() {
        assert_eq!(errors[at]["id"], id);
        assert_eq!(errors[at]["status"], 422);
    }
    assert_eq!(errors[2]["status"], 422);
    let expires = "pressrun-expires-at";
    assert_eq!(site.get("/v1/things/a").await.field(expires), far);
    assert_eq!(site.get("/v1/things/b").await.field(expires), "");
}
