//! `Pressrun-Expires-At`: when a document ends to be served.

use std::time::SystemTime;

use http::{HeaderMap, HeaderName};
use service::{Kind, Problem};
use shared::Timestamp;

/// On writes: the instant from which the document is not served any more, RFC 3339 in UTC. On
/// answers: the same of the document told.
pub(super) const EXPIRES_AT: HeaderName = HeaderName::from_static("pressrun-expires-at");

/// The expiry that a write asks for, if it does. `now` is this process' clock: it only tells a
/// mistake from an intention. Whether a document has expired is judged by the database's clock.
///
/// # Errors
/// 400 where the field is not one instant; 422 where that has passed.
pub(super) fn parse(headers: &HeaderMap, now: Timestamp) -> Result<Option<Timestamp>, Problem> {
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
    let at: Timestamp = text
        .parse()
        .map_err(|error: shared::timestamp::TimestampError| malformed(&error.to_string()))?;
    if at <= now {
        let detail = format!("{EXPIRES_AT} has passed; delete the document instead");
        return Err(Problem::new(Kind::InvalidDocument, detail));
    }
    Ok(Some(at))
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
    fn check(line: &str, now: i64, expected: Result<Option<i64>, u16>) {
        let mut headers = HeaderMap::new();
        headers.insert(EXPIRES_AT, HeaderValue::from_str(line).unwrap());
        let parsed = parse(&headers, Timestamp(now));
        let parsed = parsed.map_err(|problem| problem.kind().status().as_u16());
        assert_eq!(parsed, expected.map(|at| at.map(Timestamp)), "{line}");
    }

    #[test]
    fn expiry_must_lie_ahead_of_the_clock_given() {
        check("1970-01-01T00:00:01Z", 999_999, Ok(Some(1_000_000)));
        check("1970-01-01T00:00:01Z", 1_000_000, Err(422));
        check("1970-01-01T00:00:01Z", 1_000_001, Err(422));
        check("tomorrow", 0, Err(400));
        check("", 0, Err(400));
    }

    #[test]
    fn expiry_is_given_once_or_not_at_all() {
        let mut headers = HeaderMap::new();
        assert_eq!(parse(&headers, Timestamp(0)).ok(), Some(None));
        let line = HeaderValue::from_static("2100-01-01T00:00:00Z");
        headers.append(EXPIRES_AT, line.clone());
        headers.append(EXPIRES_AT, line);
        assert!(parse(&headers, Timestamp(0)).is_err());
    }
}
