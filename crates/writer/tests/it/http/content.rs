//! How content is read: limits before octets, and a deadline.

use std::time::Duration;

use axum::body::Body;
use bytes::Bytes;
use futures_util::{StreamExt, stream};
use shared::limits::BODY_BYTES_MAX;
use tokio::time::Instant;
use writer::http::CONTENT_TIMEOUT;

use super::site::{request, send, site};

const JSON: (&str, &str) = ("content-type", "application/json");

type Chunk = Result<Bytes, std::io::Error>;

/// Content that must not be read.
fn unread() -> Body {
    Body::from_stream(stream::once(async {
        let nobody_reads_this: Chunk = Err(std::io::Error::other("it was read"));
        assert!(nobody_reads_this.is_ok(), "the content was read");
        nobody_reads_this
    }))
}

#[tokio::test]
async fn content_is_not_read_where_the_header_fields_suffice_to_refuse() {
    let site = site().await;
    let too_large = (BODY_BYTES_MAX + 1).to_string();
    for (path, fields, expected) in [
        (
            "/v1/things/a",
            &[JSON, ("content-length", too_large.as_str())][..],
            413,
        ),
        (
            "/v1/things/a",
            &[JSON, ("content-length", "99999999999999999999")],
            413,
        ),
        ("/v1/things/a", &[("content-type", "text/plain")], 415),
        ("/v1/things/a", &[JSON, ("content-encoding", "br")], 415),
        ("/v1/things/a", &[JSON, ("if-match", "x")], 400),
        ("/v1/things/a%zz", &[JSON], 400),
    ] {
        let answer = send(&site.public, request("PUT", path, fields, unread())).await;
        assert_eq!(answer.status(), expected, "{fields:?}");
    }
}

#[tokio::test]
async fn chunked_content_is_cut_off_at_the_limit() {
    let site = site().await;
    let spaces = || -> Chunk { Ok(Bytes::from(vec![b' '; 64 * 1024])) };
    let endless = Body::from_stream(stream::repeat_with(spaces));
    let answer = send(
        &site.public,
        request("PUT", "/v1/things/a", &[JSON], endless),
    )
    .await;
    answer.check_problem(413, "content-too-large");
}

#[tokio::test]
async fn slow_content_is_408_however_steadily_it_drips() {
    let site = site().await;
    tokio::time::pause();
    let began = Instant::now();
    let drops = stream::repeat(()).then(|()| async {
        tokio::time::sleep(Duration::from_secs(1)).await;
        Chunk::Ok(Bytes::from_static(b" "))
    });
    let dripping = Body::from_stream(drops);
    let answer = send(
        &site.public,
        request("PUT", "/v1/things/a", &[JSON], dripping),
    )
    .await;
    answer.check_problem(408, "request-timeout");
    let waited = began.elapsed();
    assert!(waited >= CONTENT_TIMEOUT && waited < CONTENT_TIMEOUT + Duration::from_secs(2));
}

#[tokio::test]
async fn content_that_breaks_off_is_400() {
    let site = site().await;
    let chunks: [Chunk; 2] = [
        Ok(Bytes::from_static(b"{\"a\"")),
        Err(std::io::ErrorKind::ConnectionReset.into()),
    ];
    let broken = Body::from_stream(stream::iter(chunks));
    let answer = send(
        &site.public,
        request("PUT", "/v1/things/a", &[JSON], broken),
    )
    .await;
    answer.check_problem(400, "malformed-request");
}
