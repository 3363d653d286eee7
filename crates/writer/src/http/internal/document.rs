//! `/internal/v1/{collection}/{id}?after=&link=`: one document, for a reader that does not hold all
//! of them and that the bus does not serve.
//!
//! Answers heartbeat, the document or its tombstone if there is one, trailer. The head is read
//! first, so what follows is the document as of it or later; none is an answer only where every
//! deletion after the reader's position would still be known, else 410 as of `/internal/feed`.

use std::sync::Arc;

use axum::{extract::State, response::Response};
use bytes::Bytes;
use futures_util::stream::{self, StreamExt};
use http::Uri;
use shared::{Epoch, codec::Trailer};

use super::{
    Internal,
    continued::{Continued, continued},
    frames::{self, CutError},
};
use crate::{
    envelope::encode_documents,
    http::{documents::key_under, error::HttpError},
};

pub(super) async fn answer(
    State(internal): State<Arc<Internal>>,
    uri: Uri,
) -> Result<Response, HttpError> {
    let key = key_under("/internal/v1/", &uri)?;
    let feed = match continued(&internal, uri.query().unwrap_or_default(), 1).await? {
        Continued::Page(page) => page.feed,
        Continued::Refused(answer) => return Ok(answer),
    };
    let found = internal.store.document(&key).await?;
    let envelopes = encode_documents(&internal.renderer, found.into_iter().collect()).await;
    let rest = match envelopes {
        Ok(envelopes) => with_trailer(feed.tip.position.epoch, &envelopes),
        Err(error) => vec![Err(CutError::Encode(error))],
    };
    let all = frames::one(frames::heartbeat(&feed)).chain(stream::iter(rest));
    Ok(frames::answer(feed.tip.position, all))
}

fn with_trailer(epoch: Epoch, envelopes: &[Bytes]) -> Vec<Result<Bytes, CutError>> {
    let items = u64::try_from(envelopes.len()).unwrap_or(u64::MAX);
    let last = frames::trailer(Trailer { epoch, items });
    let items = envelopes.iter().map(|one| frames::framed(&[one]));
    items.chain([last]).map(Ok).collect()
}
