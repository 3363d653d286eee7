//! `Pressrun-Expires-At`: when a document ends to be served.

use std::time::SystemTime;

use http::{HeaderMap, HeaderName};
use service::{Kind, Problem};
use shared::Timestamp;

/// On writes: the instant from which the document is not served any more, RFC 3339 in UTC. On
/// answers: the same of the document told.
pub(super) const EXPIRES_AT: HeaderName = HeaderName::from_static("pressrun-expires-at");

/// The expiry that a write asks for, if it does.
///
/// # Errors
/// 400 where the field is not one instant.
pub(super) fn parse(headers: &HeaderMap) -> Result<Option<Timestamp>, Problem> {
    let mut lines = headers.get_all(&EXPIRES_AT).iter();
    let Some(line) = lines.next() else {
        return Ok(None);
    };
    let malformed = |what: &str| {
        let detail = format!("{EXPIRES_AT} {what}");
        Problem::new(Kind::MalformedRequest, detail)
    };
    if lines.next().is_some() {
        return Err(malformed("is there more than once"));
    }
    let text = line.to_str().unwrap_or_default();
    let parsed = text.parse();
    parsed
        .map(Some)
        .map_err(|error: shared::timestamp::TimestampError| malformed(&error.to_string()))
}

/// Whether a document may be written that expires then. `now` is this process' clock: it only tells
/// a mistake from an intention. Whether a document has expired is judged by the database's clock.
///
/// # Errors
/// 422 where that has passed.
pub(super) fn check(expires_at: Option<Timestamp>, now: Timestamp) -> Result<(), Problem> {
    if expires_at.is_none_or(|at| now < at) {
        return Ok(());
    }
    let detail = format!("{EXPIRES_AT} has passed; delete the document instead");
    Err(Problem::new(Kind::InvalidDocument, detail))
}

/// This process' clock, for the argument above. Before 1970 and after 294,000 years it stands still.
#[expect(
    clippy::disallowed_methods,
    reason = "the edge of the process: what judges takes the time as an argument"
)]
pub(super) fn now() -> Timestamp {
    let since_1970 = SystemTime::now()
        .duration_since(SystemTime::UNIX_EPOCH)
        .unwrap_or_default();
    Timestamp(i64::try_from(since_1970.as_micros()).unwrap_or(i64::MAX))
}

#[cfg(test)]
mod tests {
    use http::HeaderValue;

    use super::*;

    #[track_caller]
    fn judge(line: &str, now: i64, expected: Result<Option<i64>, u16>) {
        let mut headers = HeaderMap::new();
        headers.insert(EXPIRES_AT, HeaderValue::from_str(line).unwrap());
        let parsed = parse(&headers);
        let parsed = parsed.and_then(|at| check(at, Timestamp(now)).map(|()| at));
        let parsed = parsed.map_err(|problem| problem.kind().status().as_u16());
        assert_eq!(parsed, expected.map(|at| at.map(Timestamp)), "{line}");
    }

    #[test]
    fn expiry_must_lie_ahead_of_the_clock_given() {
        judge("1970-01-01T00:00:01Z", 999_999, Ok(Some(1_000_000)));
        judge("1970-01-01T00:00:01Z", 1_000_000, Err(422));
        judge("1970-01-01T00:00:01Z", 1_000_001, Err(422));
        judge("tomorrow", 0, Err(400));
        judge("", 0, Err(400));
    }

    #[test]
    fn expiry_is_given_once_or_not_at_all() {
        let mut headers = HeaderMap::new();
        assert_eq!(parse(&headers).ok(), Some(None));
        let line = HeaderValue::from_static("2100-01-01T00:00:00Z");
        headers.append(EXPIRES_AT, line.clone());
        headers.append(EXPIRES_AT, line);
        assert!(parse(&headers).is_err());
    }
}
