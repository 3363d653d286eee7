//! `after=<epoch>.<sequence>&link=<16 hexadecimal digits>`: what a reader has, and whether the
//! history goes on from there.

use axum::response::Response;
use service::{Kind, Problem};
use shared::{Link, position::PositionError};

use super::Internal;
use crate::{
    http::{answer, error::HttpError},
    store::{ChangePage, Continuation, Tip},
};

/// How a reader can go on.
pub(super) enum Continued {
    /// With these changes.
    Page(ChangePage),
    /// Not from there: 410 where the changes are no longer kept, 409 where there was another
    /// history. `Pressrun-Position` says where the database stands.
    Refused(Response),
}

/// At most `limit` changes after what `query` names.
pub(super) async fn continued(
    internal: &Internal,
    query: &str,
    limit: u32,
) -> Result<Continued, HttpError> {
    let known = known(query)?;
    let after = known.position.sequence;
    let page = internal.store.changes(after, limit).await?;
    let head = page.feed.tip.position;
    Ok(match page.continuation(&known) {
        Continuation::Continues => Continued::Page(page),
        Continuation::Pruned => {
            let detail = format!("changes below {} are no longer kept", page.floor);
            let problem = Problem::new(Kind::Pruned, detail);
            Continued::Refused(answer::at_position(problem, head))
        }
        Continuation::Forked => {
            // The reader may be right: if the database was restored, a new epoch begins here.
            let tip = internal.store.confirm(known).await?;
            let detail = format!("{} with this link is not in the history", known.position);
            let problem = Problem::new(Kind::EpochEnded, detail);
            Continued::Refused(answer::at_position(problem, tip.position))
        }
    })
}

fn known(query: &str) -> Result<Tip, Problem> {
    let after = parameter(query, "after").unwrap_or_default();
    let position = after
        .parse()
        .map_err(|error: PositionError| malformed(&format!("after: {error}")))?;
    let link = parameter(query, "link")
        .filter(|digits| digits.len() == 16 && digits.bytes().all(|b| b.is_ascii_hexdigit()))
        .and_then(|digits| u64::from_str_radix(digits, 16).ok())
        .ok_or_else(|| malformed("link: 16 hexadecimal digits are needed"))?;
    let link = Link(link);
    Ok(Tip { position, link })
}

/// A parameter. They are digits, dots and hexadecimal digits, so nothing needs decoding. Unknown
/// ones are ignored: a newer reader may send more.
pub(super) fn parameter<'a>(query: &'a str, wanted: &str) -> Option<&'a str> {
    query
        .split('&')
        .filter_map(|pair| pair.split_once('='))
        .find_map(|(name, value)| (name == wanted).then_some(value))
}

pub(super) fn malformed(detail: &str) -> Problem {
    Problem::new(Kind::MalformedRequest, detail)
}
