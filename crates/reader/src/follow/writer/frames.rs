//! Streams of frames, read as they come; see [`shared::codec`], "stream".
//!
//! Memory holds what the connection has handed over, at most one frame that is not whole, and one
//! group of items. Each frame is copied to an allocation of its own, so an item that stays keeps
//! nothing else alive.

use std::time::Duration;

use bytes::{Buf, Bytes, BytesMut};
use http::StatusCode;
use shared::codec::{self, DecodeError, FRAME_BYTES_MAX, LENGTH_BYTES, Trailer, is_trailer};
use tokio::time::timeout;

/// How long the next octets may take.
const CHUNK_TIMEOUT: Duration = Duration::from_secs(2);

/// Items handed over together, at most.
const GROUP_MAX: usize = 256;

/// Octets of frames after which a group is handed over.
const GROUP_BYTES: usize = 1024 * 1024;

/// Why an answer is of no use.
#[derive(Debug, thiserror::Error)]
pub(crate) enum StreamError {
    /// The request or the connection failed.
    #[error("the request to the writer failed")]
    Request(#[source] reqwest::Error),
    /// Nothing came for too long.
    #[error("the writer took too long")]
    Silent,
    /// Neither frames nor a refusal.
    #[error("the writer answered {0}")]
    Status(StatusCode),
    /// The stream ended without its trailer, or lacks items that the trailer counts.
    #[error("the stream was cut")]
    Cut,
    /// A length beyond [`FRAME_BYTES_MAX`]: the stream is damaged.
    #[error("a frame of {0} octets; at most {FRAME_BYTES_MAX} are possible")]
    TooLong(usize),
    /// A frame is not what its place asks for.
    #[error("a frame cannot be decoded")]
    Item(#[source] DecodeError),
}

impl StreamError {
    /// Without the URL, which may hold a password.
    pub(super) fn request(error: reqwest::Error) -> Self {
        Self::Request(error.without_url())
    }
}

/// The frames of one answer.
#[derive(Debug)]
pub(super) struct Frames {
    response: reqwest::Response,
    buffer: FrameBuffer,
    /// Items so far.
    items: u64,
}

impl Frames {
    pub(super) fn new(response: reqwest::Response) -> Self {
        Self {
            response,
            buffer: FrameBuffer::default(),
            items: 0,
        }
    }

    /// The next frame.
    pub(super) async fn next(&mut self) -> Result<Bytes, StreamError> {
        loop {
            if let Some(frame) = self.buffer.take()? {
                return Ok(frame);
            }
            let chunk = timeout(CHUNK_TIMEOUT, self.response.chunk())
                .await
                .map_err(|_elapsed| StreamError::Silent)?
                .map_err(StreamError::request)?;
            self.buffer.push(&chunk.ok_or(StreamError::Cut)?);
        }
    }
}

/// Octets of which the first frame may not be whole yet.
#[derive(Debug, Default)]
pub(crate) struct FrameBuffer(BytesMut);

impl FrameBuffer {
    pub(crate) fn push(&mut self, octets: &[u8]) {
        self.0.extend_from_slice(octets);
    }

    /// The first frame, in an allocation of its own, if it is whole.
    pub(crate) fn take(&mut self) -> Result<Option<Bytes>, StreamError> {
        let Some(length) = self.0.first_chunk::<LENGTH_BYTES>() else {
            return Ok(None);
        };
        let length = usize::try_from(u32::from_be_bytes(*length)).unwrap_or(usize::MAX);
        if length > FRAME_BYTES_MAX {
            return Err(StreamError::TooLong(length));
        }
        let Some(frame) = self.0.get(LENGTH_BYTES..LENGTH_BYTES + length) else {
            return Ok(None);
        };
        let frame = Bytes::copy_from_slice(frame);
        self.0.advance(LENGTH_BYTES + length);
        Ok(Some(frame))
    }
}

/// Items that came one after another.
#[derive(Debug)]
pub(super) struct Group<T> {
    pub(super) items: Vec<T>,
    /// Set once there are no more.
    pub(super) trailer: Option<Trailer>,
}

impl Frames {
    /// The next items, up to the trailer, which must count as many as there were in all.
    pub(super) async fn next_group<T>(
        &mut self,
        decode: fn(&Bytes) -> Result<T, DecodeError>,
    ) -> Result<Group<T>, StreamError> {
        let (mut items, mut octets) = (Vec::new(), 0);
        while items.len() < GROUP_MAX && octets < GROUP_BYTES {
            let frame = self.next().await?;
            if is_trailer(&frame) {
                let trailer = codec::decode_trailer(&frame).map_err(StreamError::Item)?;
                if trailer.items != self.items {
                    return Err(StreamError::Cut);
                }
                let trailer = Some(trailer);
                return Ok(Group { items, trailer });
            }
            items.push(decode(&frame).map_err(StreamError::Item)?);
            self.items += 1;
            octets += frame.len();
        }
        Ok(Group {
            items,
            trailer: None,
        })
    }
}
