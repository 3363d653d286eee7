//! Frames, however the connection cuts them.

use shared::codec::{FRAME_BYTES_MAX, encode_length};

use super::plane::framed;
use crate::follow::{FrameBuffer, StreamError};

#[test]
fn frames_come_whole_however_they_are_cut() {
    let stream = [framed(b"one"), framed(b""), framed(b"three")].concat();
    for size in 1..=stream.len() {
        let mut buffer = FrameBuffer::default();
        let mut frames = Vec::new();
        for chunk in stream.chunks(size) {
            buffer.push(chunk);
            while let Some(frame) = buffer.take().unwrap() {
                frames.push(frame);
            }
        }
        assert_eq!(frames, ["one", "", "three"], "in chunks of {size}");
    }
}

#[test]
fn longest_frame_is_awaited_and_a_longer_one_refused() {
    let mut buffer = FrameBuffer::default();
    buffer.push(&encode_length(FRAME_BYTES_MAX));
    assert_eq!(buffer.take().unwrap(), None);

    let mut buffer = FrameBuffer::default();
    let beyond = u32::try_from(FRAME_BYTES_MAX + 1).unwrap();
    buffer.push(&beyond.to_be_bytes());
    assert!(matches!(buffer.take(), Err(StreamError::TooLong(_))));
}
