//! `/internal/snapshot`: every document and tombstone, for readers that the bus does not serve.
//!
//! Answers heartbeat, envelopes in key order, trailer. The head is read before the first
//! document, so whoever holds all of them has everything up to that head; what is committed
//! meanwhile may be among them or not. Pages are read as the reader takes them: memory holds one
//! page and one rendered group per stream.

use std::sync::Arc;

use axum::{extract::State, response::Response};
use bytes::Bytes;
use futures_util::stream::{self, Stream, StreamExt};
use shared::{Epoch, ResourceKey, codec::Trailer};

use super::{
    Internal,
    frames::{self, CutError},
};
use crate::{
    envelope::encode_documents,
    http::error::HttpError,
    store::{Document, Feed},
};

/// Most documents read at once; [`crate::store::PAGE_BYTES`] bounds their octets.
const PAGE_MAX: u32 = 1024;

pub(super) async fn stream(State(internal): State<Arc<Internal>>) -> Result<Response, HttpError> {
    let feed = internal.store.feed().await?;
    let head = feed.tip.position;
    Ok(frames::answer(head, stream_documents(internal, feed)))
}

/// Where the stream is between two groups.
struct Progress {
    internal: Arc<Internal>,
    epoch: Epoch,
    /// The rest of the page read last.
    page: std::vec::IntoIter<Document>,
    next: Next,
    items: u64,
}

enum Next {
    /// The page of documents above this key.
    Page(Option<ResourceKey>),
    Trailer,
    End,
}

fn stream_documents(
    internal: Arc<Internal>,
    feed: Feed,
) -> impl Stream<Item = Result<Bytes, CutError>> + Send {
    let first = frames::one(frames::heartbeat(&feed));
    let progress = Progress {
        internal,
        epoch: feed.tip.position.epoch,
        page: Vec::new().into_iter(),
        next: Next::Page(None),
        items: 0,
    };
    first.chain(stream::try_unfold(progress, step))
}

/// The next octets to send, and where the stream is then.
async fn step(mut progress: Progress) -> Result<Option<(Bytes, Progress)>, CutError> {
    loop {
        let group = frames::take_group(&mut progress.page, |document: &Document| document);
        if !group.is_empty() {
            progress.items += u64::try_from(group.len()).unwrap_or(u64::MAX);
            let envelopes = encode_documents(&progress.internal.renderer, group)
                .await
                .map_err(CutError::Encode)?;
            let frames: Vec<Bytes> = envelopes
                .iter()
                .map(|envelope| frames::framed(&[envelope]))
                .collect();
            return Ok(Some((frames.concat().into(), progress)));
        }
        match std::mem::replace(&mut progress.next, Next::End) {
            Next::Page(after) => turn_page(&mut progress, after.as_ref()).await?,
            Next::Trailer => {
                let trailer = frames::trailer(Trailer {
                    epoch: progress.epoch,
                    items: progress.items,
                });
                return Ok(Some((trailer, progress)));
            }
            Next::End => return Ok(None),
        }
    }
}

async fn turn_page(progress: &mut Progress, after: Option<&ResourceKey>) -> Result<(), CutError> {
    let store = &progress.internal.store;
    let page = store
        .documents(after, PAGE_MAX)
        .await
        .map_err(CutError::Store)?;
    if page.epoch != progress.epoch {
        return Err(CutError::EpochEnded);
    }
    progress.page = page.documents.into_iter();
    progress.next = match page.next {
        Some(last) => Next::Page(Some(last)),
        None => Next::Trailer,
    };
    Ok(())
}
