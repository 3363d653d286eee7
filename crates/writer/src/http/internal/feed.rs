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
use service::Problem;
use shared::codec::{self, Trailer};

use super::{
    Internal,
    continued::{Continued, continued, malformed, parameter},
    frames::{self, CutError},
};
use crate::{
    envelope::encode_documents,
    http::error::HttpError,
    render::Renderer,
    store::{Change, ChangePage, Document},
};

/// Most changes of one page, and how many there are where the query has no limit.
pub const FEED_LIMIT_MAX: u32 = 1024;

pub(super) async fn page(
    State(internal): State<Arc<Internal>>,
    uri: Uri,
) -> Result<Response, HttpError> {
    let query = uri.query().unwrap_or_default();
    match continued(&internal, query, limit(query)?).await? {
        Continued::Page(page) => {
            let head = page.feed.tip.position;
            let renderer = internal.renderer.clone();
            Ok(frames::answer(head, stream_page(renderer, page)))
        }
        Continued::Refused(answer) => Ok(answer),
    }
}

fn limit(query: &str) -> Result<u32, Problem> {
    let Some(text) = parameter(query, "limit") else {
        return Ok(FEED_LIMIT_MAX);
    };
    let limit = text.parse::<u32>().ok();
    limit
        .filter(|limit| (1..=FEED_LIMIT_MAX).contains(limit))
        .ok_or_else(|| malformed(&format!("limit: 1 to {FEED_LIMIT_MAX}")))
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
