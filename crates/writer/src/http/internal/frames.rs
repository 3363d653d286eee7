//! Answers that are streams of frames; see [`shared::codec`], "stream".

use axum::{
    body::Body,
    response::{IntoResponse, Response},
};
use bytes::{BufMut, Bytes, BytesMut};
use futures_util::stream::{self, Stream, StreamExt};
use http::{HeaderValue, header};
use shared::{
    Heartbeat, Position,
    codec::{self, EncodeError, LENGTH_BYTES, Trailer},
};

use crate::{
    http::answer,
    store::{Document, Feed, StoreError},
};

/// Documents are rendered in groups of about this many octets of bodies: enough to make changing
/// threads worth it, little enough to be held in memory once per reader.
const GROUP_BYTES: usize = 256 * 1024;

/// Most documents of one group.
const GROUP_MAX: usize = 256;

/// Why a stream ends before its trailer. The status has been sent by then, so the connection is
/// cut: the reader misses the trailer.
#[derive(Debug, thiserror::Error)]
pub(super) enum CutError {
    /// The database went away.
    #[error("reading failed")]
    Store(#[source] StoreError),
    /// A new epoch began amid the stream.
    #[error("the epoch ended")]
    EpochEnded,
    /// A stored document has no envelope.
    #[error("a document cannot be encoded")]
    Encode(#[source] EncodeError),
}

/// 200 with these frames. `head` is where the database stood before they were read.
pub(super) fn answer(
    head: Position,
    frames: impl Stream<Item = Result<Bytes, CutError>> + Send + 'static,
) -> Response {
    let logged = frames.inspect(|frame| {
        if let Err(error) = frame {
            tracing::warn!(
                error = %telemetry::chain(error),
                "a stream to a reader was cut"
            );
        }
    });
    let mut response = answer::at_position(Body::from_stream(logged), head);
    let headers = response.headers_mut();
    let media_type = HeaderValue::from_static("application/octet-stream");
    headers.insert(header::CONTENT_TYPE, media_type);
    headers.insert(header::CACHE_CONTROL, HeaderValue::from_static("no-store"));
    response.into_response()
}

/// The first frame.
pub(super) fn heartbeat(feed: &Feed) -> Bytes {
    let heartbeat = Heartbeat {
        head: feed.tip.position,
        link: feed.tip.link,
        database_time: feed.now,
        probes: Vec::new(),
    };
    framed(&[&codec::encode_heartbeat(&heartbeat)])
}

/// The last frame.
pub(super) fn trailer(trailer: Trailer) -> Bytes {
    framed(&[&codec::encode_trailer(&trailer)])
}

/// One frame made of `parts`, with its length.
pub(super) fn framed(parts: &[&[u8]]) -> Bytes {
    let len = parts.iter().map(|part| part.len()).sum();
    let mut frame = BytesMut::with_capacity(LENGTH_BYTES + len);
    frame.put_slice(&codec::encode_length(len));
    for part in parts {
        frame.put_slice(part);
    }
    frame.freeze()
}

/// A stream of one frame.
pub(super) fn one(frame: Bytes) -> impl Stream<Item = Result<Bytes, CutError>> {
    stream::iter([Ok(frame)])
}

/// Takes the next group of documents to be rendered together: at least one while there are any.
pub(super) fn take_group<T>(
    items: &mut impl Iterator<Item = T>,
    document: impl Fn(&T) -> &Document,
) -> Vec<T> {
    let mut group = Vec::new();
    let mut bytes = 0;
    while bytes < GROUP_BYTES && group.len() < GROUP_MAX {
        let Some(item) = items.next() else { break };
        bytes += document(&item).body.as_ref().map_or(0, Bytes::len);
        group.push(item);
    }
    group
}
