//! The content of a request: checked by its header fields first, then read within limits.

use std::time::Duration;

use axum::body::{Body, Bytes};
use bytes::BytesMut;
use http::{HeaderMap, header};
use http_body_util::BodyExt;
use service::{Kind, Problem};
use shared::limits::BODY_BYTES_MAX;
use tokio::time::timeout;

use super::error::HttpError;
use crate::commit::ContentRoom;

/// Upper bound on the content of a write, in octets: a document's own limit.
///
/// White space that minifying would remove counts as well. Larger ones are refused with 413,
/// before they are read where their length is declared.
pub const CONTENT_BYTES_MAX: usize = BODY_BYTES_MAX;

/// How long the content of a write may take to arrive, from its first octet to its last. Slower
/// ones are refused with 408. 1 MiB then needs 280 kbit/s.
pub const CONTENT_TIMEOUT: Duration = Duration::from_secs(30);

/// What lines of JSON are declared as.
const LINES_MEDIA_TYPES: [&str; 2] = ["application/x-ndjson", "application/jsonl"];

/// Reads the JSON content of a write, which takes `room` as it comes.
///
/// # Errors
/// 415 unless it is declared as uncoded JSON; 413, 408; 400 where the connection ends first; 503
/// where the contents of other writes leave no room.
pub(super) async fn read(
    headers: &HeaderMap,
    body: Body,
    room: &mut ContentRoom,
) -> Result<Bytes, HttpError> {
    check_media_type(headers)?;
    check_content_coding(headers)?;
    check_declared_length(headers)?;
    let received = timeout(CONTENT_TIMEOUT, receive(body, room)).await;
    received.unwrap_or_else(|_elapsed| {
        let seconds = CONTENT_TIMEOUT.as_secs();
        let detail = format!("the content did not arrive within {seconds} s");
        Err(Problem::new(Kind::RequestTimeout, detail).into())
    })
}

/// Octets alone: a list of what came would take many times as much where that is tiny.
async fn receive(mut body: Body, room: &mut ContentRoom) -> Result<Bytes, HttpError> {
    let mut content = Bytes::new();
    let mut joined = BytesMut::new();
    while let Some(frame) = body.frame().await {
        let frame = frame.map_err(|_broken| {
            let detail = "the content ended before its time";
            Problem::new(Kind::MalformedRequest, detail)
        })?;
        let Ok(chunk) = frame.into_data() else {
            // Trailers.
            continue;
        };
        if content.len() + joined.len() + chunk.len() > CONTENT_BYTES_MAX {
            return Err(too_large().into());
        }
        room.take(chunk.len())?;
        if content.is_empty() && joined.is_empty() {
            // Most contents come in one piece.
            content = chunk;
        } else {
            joined.extend_from_slice(&std::mem::take(&mut content));
            joined.extend_from_slice(&chunk);
        }
    }
    if joined.is_empty() {
        Ok(content)
    } else {
        Ok(joined.freeze())
    }
}

/// `application/json`. Types that end in `+json` are refused: some of them, as
/// `application/merge-patch+json`, mean something else than "store this".
fn check_media_type(headers: &HeaderMap) -> Result<(), Problem> {
    if is_declared_as(headers, &["application/json"]) {
        return Ok(());
    }
    Err(Problem::new(
        Kind::UnsupportedMediaType,
        "the content must be declared as Content-Type: application/json",
    ))
}

/// Checks that content is declared as uncoded lines of JSON.
///
/// # Errors
/// 415.
pub(super) fn check_lines(headers: &HeaderMap) -> Result<(), Problem> {
    let [preferred, _] = LINES_MEDIA_TYPES;
    if !is_declared_as(headers, &LINES_MEDIA_TYPES) {
        let detail = "the content must be declared as Content-Type: application/x-ndjson \
                      or application/jsonl";
        return Err(Problem::new(Kind::UnsupportedMediaType, detail).accepting(preferred));
    }
    check_content_coding(headers).map_err(|problem| problem.accepting(preferred))
}

/// Whether there is one Content-Type, of one of these media types, with no charset but UTF-8.
fn is_declared_as(headers: &HeaderMap, media_types: &[&str]) -> bool {
    let mut fields = headers.get_all(header::CONTENT_TYPE).iter();
    match (fields.next(), fields.next()) {
        (Some(field), None) => field
            .to_str()
            .is_ok_and(|field| is_one_of(field, media_types)),
        _ => false,
    }
}

/// RFC 9110 §8.3.1: type and subtype in any case, then parameters, values quoted or not.
fn is_one_of(field: &str, media_types: &[&str]) -> bool {
    let mut parts = field.split(';').map(str::trim);
    let is_one = parts.next().is_some_and(|found| {
        media_types
            .iter()
            .any(|one| found.eq_ignore_ascii_case(one))
    });
    is_one
        && parts.all(|parameter| {
            let (name, value) = parameter.split_once('=').unwrap_or((parameter, ""));
            !name.eq_ignore_ascii_case("charset")
                || value.trim_matches('"').eq_ignore_ascii_case("utf-8")
        })
}

fn check_content_coding(headers: &HeaderMap) -> Result<(), Problem> {
    let is_uncoded = headers
        .get_all(header::CONTENT_ENCODING)
        .iter()
        .all(|field| field.as_bytes().eq_ignore_ascii_case(b"identity"));
    if is_uncoded {
        return Ok(());
    }
    Err(Problem::new(
        Kind::UnsupportedMediaType,
        "coded content is not taken; send it without Content-Encoding",
    ))
}

fn check_declared_length(headers: &HeaderMap) -> Result<(), Problem> {
    let Some(declared) = headers.get(header::CONTENT_LENGTH) else {
        return Ok(());
    };
    // The connection has refused what is not a number; what no usize holds is too large.
    let len = declared
        .to_str()
        .ok()
        .and_then(|digits| digits.parse().ok());
    match len {
        Some(0..=CONTENT_BYTES_MAX) => Ok(()),
        _ => Err(too_large()),
    }
}

fn too_large() -> Problem {
    let detail = format!("the content has more than {CONTENT_BYTES_MAX} octets");
    Problem::new(Kind::ContentTooLarge, detail)
}
