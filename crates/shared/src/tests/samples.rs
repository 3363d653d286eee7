//! One of everything that travels, and ways to spoil it.

use bytes::Bytes;
use xxhash_rust::xxh3::xxh3_64;

use crate::{
    Change, ContentCoding, Envelope, Epoch, Extension, Heartbeat, Link, Position, Representation,
    ResourceKey, Sequence, Slot, Timestamp, Version, codec, codec::HEADER_BYTES, feed::Probe,
};

pub(super) fn representation(coding: ContentCoding, octets: &'static [u8]) -> Representation {
    Representation::of(coding, Bytes::from_static(octets))
}

/// A put with every coding, no expiry and no extension.
pub(super) fn put() -> Envelope {
    Envelope {
        position: Position::new(Epoch(1_763_712_000_000_000), Sequence(42)),
        prev_link: Link(0x0123_4567_89ab_cdef),
        link: Link(0xfedc_ba98_7654_3210),
        version: Version(7),
        updated_at: Timestamp(1_763_712_345_678_901),
        expires_at: None,
        key: ResourceKey::parse("posts", "hello/wörld").unwrap(),
        change: Change::Put(vec![
            representation(ContentCoding::Identity, br#"{"title":"Hello"}"#),
            representation(ContentCoding::Brotli, b"coded by brotli"),
            representation(ContentCoding::Gzip, b"coded by gzip"),
            representation(ContentCoding::Zstd, b"coded by zstd"),
        ]),
        extensions: Vec::new(),
    }
}

pub(super) fn put_that_expires() -> Envelope {
    Envelope {
        expires_at: Some(Timestamp(1_763_798_745_678_901)),
        change: Change::Put(vec![representation(ContentCoding::Identity, b"{}")]),
        ..put()
    }
}

pub(super) fn put_with_extensions() -> Envelope {
    let traceparent = b"00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01";
    Envelope {
        extensions: vec![
            Extension {
                id: 0xfffe,
                octets: Bytes::from_static(b"of a later release"),
            },
            Extension {
                id: Extension::TRACE_CONTEXT,
                octets: Bytes::from_static(traceparent),
            },
            Extension {
                id: 3,
                octets: Bytes::new(),
            },
        ],
        ..put_that_expires()
    }
}

pub(super) fn delete() -> Envelope {
    Envelope {
        version: Version(8),
        updated_at: Timestamp(-1),
        change: Change::Delete,
        ..put()
    }
}

pub(super) fn slot() -> Slot {
    Slot {
        position: Position::new(Epoch(1_763_712_000_000_000), Sequence(41)),
        prev_link: Link(0x1111_2222_3333_4444),
        link: Link(0x0123_4567_89ab_cdef),
    }
}

pub(super) fn heartbeat() -> Heartbeat {
    let probe = |reader: &str, nonce| Probe {
        reader: reader.to_owned(),
        nonce,
    };
    Heartbeat {
        head: Position::new(Epoch(1_763_712_000_000_000), Sequence(42)),
        link: Link(0xfedc_ba98_7654_3210),
        database_time: Timestamp(1_763_712_345_700_000),
        probes: vec![probe("reader-1", 1), probe("läser-2", u64::MAX)],
    }
}

/// A whole delivery of [`put`].
pub(super) fn delivery() -> Bytes {
    let frame = codec::encode(&put()).unwrap();
    [&codec::encode_slot(&slot())[..], &frame].concat().into()
}

/// The frame with other octets at an offset and both checksums right.
pub(super) fn resealed(frame: &[u8], offset: usize, octets: &[u8]) -> Bytes {
    let mut frame = frame.to_vec();
    frame[offset..offset + octets.len()].copy_from_slice(octets);
    reseal(&mut frame);
    frame.into()
}

/// Makes both checksums of a frame right.
pub(super) fn reseal(frame: &mut [u8]) {
    let body = xxh3_64(&frame[HEADER_BYTES..]).to_be_bytes();
    frame[HEADER_BYTES - 16..HEADER_BYTES - 8].copy_from_slice(&body);
    let header = xxh3_64(&frame[..HEADER_BYTES - 8]).to_be_bytes();
    frame[HEADER_BYTES - 8..HEADER_BYTES].copy_from_slice(&header);
}
