//! Trailers of streams.

use proptest::prelude::*;
use xxhash_rust::xxh3::xxh3_64;

use crate::{
    Epoch,
    codec::{
        DecodeError, FRAME_BYTES_MAX, LENGTH_BYTES, TRAILER_BYTES, Trailer, decode_trailer,
        encode_length, encode_trailer, is_trailer,
    },
};

const TRAILER: Trailer = Trailer {
    epoch: Epoch(7),
    items: 3,
};

#[test]
fn trailer_survives_the_wire() {
    let frame = encode_trailer(&TRAILER);
    assert!(is_trailer(&frame));
    assert_eq!(decode_trailer(&frame), Ok(TRAILER));
}

#[test]
fn damaged_trailer_is_refused() {
    let frame = encode_trailer(&TRAILER);
    for index in 0..TRAILER_BYTES {
        let mut damaged = frame;
        damaged[index] ^= 1;
        assert!(decode_trailer(&damaged).is_err(), "octet {index}");
        assert!(decode_trailer(&frame[..index]).is_err(), "{index} octets");
    }
    let longer = [&frame[..], &[0]].concat();
    assert_eq!(decode_trailer(&longer), Err(DecodeError::Trailing));
}

#[test]
fn newer_format_is_named_and_an_older_one_than_the_first_refused() {
    for (format, expected) in [
        (2, DecodeError::Format(2)),
        (0, DecodeError::Invalid("format")),
    ] {
        let mut frame = encode_trailer(&TRAILER);
        frame[4] = format;
        let checksum = xxh3_64(&frame[..TRAILER_BYTES - 8]).to_be_bytes();
        frame[TRAILER_BYTES - 8..].copy_from_slice(&checksum);
        assert_eq!(decode_trailer(&frame), Err(expected));
    }
}

#[test]
fn length_is_four_octets_big_endian() {
    assert_eq!(encode_length(0x0102), [0, 0, 1, 2]);
    let longest = encode_length(FRAME_BYTES_MAX);
    assert_eq!(longest.len(), LENGTH_BYTES);
    assert_eq!(
        usize::try_from(u32::from_be_bytes(longest)),
        Ok(FRAME_BYTES_MAX)
    );
}

proptest! {
    #[test]
    fn arbitrary_octets_never_panic(frame in prop::collection::vec(any::<u8>(), 0..64)) {
        prop_assert!(decode_trailer(&frame).is_err());
    }
}
