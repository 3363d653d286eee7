//! `/internal/feed?after=<epoch>.<sequence>&link=<16 hexadecimal digits>&limit=<number>`: the
//! changes after a position, for readers that the bus does not serve.
//!
//! Answers heartbeat, deliveries, trailer; read in one database snapshot. The head is the
//! heartbeat's and that of `Pressrun-Position`; where the last delivery is below it, ask again.

use std::sync::Arc;

use axum::{extract::State, response::Response};
use bytes::Bytes;
use futures_util::stream::{self, Stream, StreamExt};
use http::Uri;
use service::{Kind, Problem};
use shared::{
    Link,
    codec::{self, Trailer},
    position::PositionError,
};

use super::{
    Internal,
    frames::{self, CutError},
};
use crate::{
    envelope::encode_documents,
    http::{answer, error::HttpError},
    render::Renderer,
    store::{Change, ChangePage, Continuation, Document, Tip},
};

/// Most changes of one page, and how many there are where the query has no limit.
pub const FEED_LIMIT_MAX: u32 = 1024;

/// What a reader asks for.
struct Question {
    known: Tip,
    limit: u32,
}

pub(super) async fn page(
    State(internal): State<Arc<Internal>>,
    uri: Uri,
) -> Result<Response, HttpError> {
    let Question { known, limit } = parse_question(uri.query().unwrap_or_default())?;
    let after = known.position.sequence;
    let page = internal.store.changes(after, limit).await?;
    let head = page.feed.tip.position;
    match page.continuation(&known) {
        Continuation::Continues => {
            let renderer = internal.renderer.clone();
            Ok(frames::answer(head, stream_page(renderer, page)))
        }
        Continuation::Pruned => {
            let detail = format!("changes below {} are no longer kept", page.floor);
            let problem = Problem::new(Kind::Pruned, detail);
            Ok(answer::at_position(problem, head))
        }
        Continuation::Forked => {
            // The reader may be right: if the database was restored, a new epoch begins here.
            let tip = internal.store.confirm(known).await?;
            let detail = format!("{} with this link is not in the history", known.position);
            let problem = Problem::new(Kind::EpochEnded, detail);
            Ok(answer::at_position(problem, tip.position))
        }
    }
}

fn stream_page(
    renderer: Renderer,
    page: ChangePage,
) -> impl Stream<Item = Result<Bytes, CutError>> + Send {
    let first = frames::one(frames::heartbeat(&page.feed));
    let last = frames::trailer(Trailer {
        epoch: page.feed.tip.position.epoch,
        items: u64::try_from(page.changes.len()).unwrap_or(u64::MAX),
    });
    let state = (renderer, page.changes.into_iter());
    let deliveries = stream::try_unfold(state, |(renderer, mut changes)| async move {
        let group = frames::take_group(&mut changes, |change: &Change| &change.document);
        if group.is_empty() {
            return Ok(None);
        }
        let frames = encode_group(&renderer, group).await?;
        Ok(Some((frames, (renderer, changes))))
    });
    first.chain(deliveries).chain(frames::one(last))
}

/// Deliveries of these changes, joined.
async fn encode_group(renderer: &Renderer, group: Vec<Change>) -> Result<Bytes, CutError> {
    let slots: Vec<_> = group.iter().map(|change| change.slot).collect();
    let documents: Vec<Document> = group.into_iter().map(|change| change.document).collect();
    let envelopes = encode_documents(renderer, documents)
        .await
        .map_err(CutError::Encode)?;
    let frames: Vec<Bytes> = slots
        .iter()
        .zip(&envelopes)
        .map(|(slot, envelope)| frames::framed(&[&codec::encode_slot(slot), envelope]))
        .collect();
    Ok(frames.concat().into())
}

/// Parameters are digits, dots and hexadecimal digits, so nothing needs decoding. Unknown ones
/// are ignored: a newer reader may send more.
fn parse_question(query: &str) -> Result<Question, Problem> {
    let parameter = |wanted: &str| {
        query
            .split('&')
            .filter_map(|pair| pair.split_once('='))
            .find_map(|(name, value)| (name == wanted).then_some(value))
    };
    let after = parameter("after").unwrap_or_default();
    let position = after
        .parse()
        .map_err(|error: PositionError| malformed(&format!("after: {error}")))?;
    let link = parameter("link")
        .filter(|digits| digits.len() == 16 && digits.bytes().all(|b| b.is_ascii_hexdigit()))
        .and_then(|digits| u64::from_str_radix(digits, 16).ok())
        .ok_or_else(|| malformed("link: 16 hexadecimal digits are needed"))?;
    let limit = match parameter("limit") {
        None => FEED_LIMIT_MAX,
        Some(text) => text
            .parse::<u32>()
            .ok()
            .filter(|limit| (1..=FEED_LIMIT_MAX).contains(limit))
            .ok_or_else(|| malformed(&format!("limit: 1 to {FEED_LIMIT_MAX}")))?,
    };
    let link = Link(link);
    Ok(Question {
        known: Tip { position, link },
        limit,
    })
}

fn malformed(detail: &str) -> Problem {
    Problem::new(Kind::MalformedRequest, detail)
}
