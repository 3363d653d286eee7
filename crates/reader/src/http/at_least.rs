//! `Pressrun-At-Least`: a read that waits for its own write.
//!
//! Not part of the hot path: only requests that bear the field come here.

use http::{HeaderMap, HeaderName};
use service::{Kind, Problem};
use shared::Position;

use crate::reached::{NotReached, Reached, WAIT_MAX, WAITERS_MAX};

/// The position that an answer must not be older than: a write's `Pressrun-Position`.
pub const AT_LEAST: HeaderName = HeaderName::from_static("pressrun-at-least");

/// Waits until the position that the request asks for is reached, and gives it.
///
/// # Errors
/// 400: not one position. 409: its epoch has ended, so the write may be gone. 503: it was not
/// reached in time, or too many wait.
pub(super) async fn wait(reached: &Reached, headers: &HeaderMap) -> Result<Position, Problem> {
    let asked = parse(headers)?;
    let waited = reached.at_least(asked).await;
    waited.map_err(|reason| problem(asked, reason))?;
    Ok(asked)
}

/// What was looked up since may be answered.
///
/// # Errors
/// 409: the position's epoch has ended meanwhile, and what was found may be of the next.
pub(super) fn check(reached: &Reached, asked: Position) -> Result<(), Problem> {
    let goes_on = reached.goes_on(asked);
    goes_on.map_err(|reason| problem(asked, reason))
}

fn problem(asked: Position, reason: NotReached) -> Problem {
    match reason {
        NotReached::EpochEnded(epoch) => Problem::new(
            Kind::EpochEnded,
            format!("the epoch of {asked} has ended; epoch {epoch} has begun"),
        ),
        NotReached::TooLate => Problem::new(
            Kind::Behind,
            format!("this reader has not reached {asked} within {WAIT_MAX:?}"),
        ),
        NotReached::TooMany => Problem::new(
            Kind::Behind,
            format!("this reader has not reached {asked}, and {WAITERS_MAX} reads wait already"),
        ),
    }
}

fn parse(headers: &HeaderMap) -> Result<Position, Problem> {
    let mut values = headers.get_all(&AT_LEAST).into_iter();
    let one = values.next().filter(|_| values.next().is_none());
    let text = one.and_then(|value| value.to_str().ok());
    text.and_then(|text| text.parse().ok()).ok_or_else(|| {
        let detail = "Pressrun-At-Least: one position is needed, <epoch>.<sequence>";
        Problem::new(Kind::MalformedRequest, detail)
    })
}
