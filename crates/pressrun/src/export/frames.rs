//! The stream of frames; see [`shared::codec`], "stream".

use bytes::{Buf, Bytes, BytesMut};
use reqwest::Response;
use shared::{
    Envelope, FeedMessage, Heartbeat,
    codec::{self, FRAME_BYTES_MAX, LENGTH_BYTES, Trailer},
};

use super::ExportError;

/// One frame, decoded.
#[derive(Debug)]
pub(super) enum Frame {
    /// The first.
    Heartbeat(Heartbeat),
    Envelope(Envelope),
    /// The last.
    Trailer(Trailer),
}

/// Frames as they arrive. Memory holds one, and what came with its end.
#[derive(Debug)]
pub(super) struct Frames {
    answer: Response,
    arrived: BytesMut,
    has_begun: bool,
    bytes: u64,
}

impl Frames {
    pub(super) fn new(answer: Response) -> Self {
        Self {
            answer,
            arrived: BytesMut::new(),
            has_begun: false,
            bytes: 0,
        }
    }

    /// Octets taken so far.
    pub(super) fn bytes(&self) -> u64 {
        self.bytes
    }

    /// The next frame.
    pub(super) async fn next(&mut self) -> Result<Frame, ExportError> {
        self.fill(LENGTH_BYTES).await?;
        let len = usize::try_from(self.arrived.get_u32()).unwrap_or(usize::MAX);
        if len > FRAME_BYTES_MAX {
            return Err(ExportError::Damaged("a frame is too long"));
        }
        self.fill(len).await?;
        let frame = self.arrived.split_to(len).freeze();
        self.bytes += (LENGTH_BYTES + len) as u64;
        self.decode(&frame).map_err(ExportError::Decode)
    }

    fn decode(&mut self, frame: &Bytes) -> Result<Frame, codec::DecodeError> {
        if codec::is_trailer(frame) {
            return codec::decode_trailer(frame).map(Frame::Trailer);
        }
        if self.has_begun {
            return codec::decode(frame).map(Frame::Envelope);
        }
        self.has_begun = true;
        match codec::decode_message(frame)? {
            FeedMessage::Heartbeat(head) => Ok(Frame::Heartbeat(head)),
            FeedMessage::Delivery(_) | FeedMessage::Notice(_) => Err(codec::DecodeError::Magic),
        }
    }

    /// Waits until so many octets are here.
    async fn fill(&mut self, len: usize) -> Result<(), ExportError> {
        while self.arrived.len() < len {
            match self.answer.chunk().await {
                Ok(Some(chunk)) => self.arrived.extend_from_slice(&chunk),
                Ok(None) => return Err(ExportError::Cut),
                Err(error) => return Err(ExportError::Http(error)),
            }
        }
        Ok(())
    }
}
