//! What the decoder refuses: damage anywhere, and whole frames that no encoder writes.

use bytes::Bytes;
use xxhash_rust::xxh3::xxh3_64;

use super::samples::{self, resealed};
use crate::{
    Change, Envelope, FeedMessage,
    codec::{self, DecodeError, HEADER_BYTES, SLOT_BYTES},
    limits::NUMBER_MAX,
};

fn frames() -> Vec<Bytes> {
    [
        samples::put(),
        samples::put_with_extensions(),
        samples::delete(),
    ]
    .iter()
    .map(|envelope| codec::encode(envelope).unwrap())
    .collect()
}

fn messages() -> [Bytes; 3] {
    [
        samples::delivery(),
        Bytes::copy_from_slice(&codec::encode_notice(&samples::slot())),
        codec::encode_heartbeat(&samples::heartbeat()),
    ]
}

/// A message decodes, and so does the envelope in it.
fn is_accepted(message: &Bytes) -> bool {
    match codec::decode_message(message) {
        Ok(FeedMessage::Delivery(delivery)) => delivery.envelope.is_ok(),
        Ok(_) => true,
        Err(_) => false,
    }
}

fn each_flip(octets: &[u8], mut check: impl FnMut(usize, Bytes)) {
    for bit in 0..octets.len() * 8 {
        let mut flipped = octets.to_vec();
        flipped[bit / 8] ^= 1 << (bit % 8);
        check(bit, flipped.into());
    }
}

#[test]
fn every_flipped_bit_is_noticed() {
    for frame in frames() {
        assert!(codec::decode(&frame).is_ok());
        each_flip(&frame, |bit, flipped| {
            assert!(codec::decode(&flipped).is_err(), "bit {bit}");
        });
    }
    for message in messages() {
        assert!(is_accepted(&message));
        each_flip(&message, |bit, flipped| {
            assert!(!is_accepted(&flipped), "bit {bit}");
        });
    }
}

#[test]
fn every_cut_and_every_surplus_is_noticed() {
    for frame in frames() {
        for len in 0..frame.len() {
            let cut = codec::decode(&frame.slice(..len));
            assert_eq!(cut, Err(DecodeError::Truncated), "{len} octets");
        }
        let surplus: Bytes = [&frame[..], b"x"].concat().into();
        assert_eq!(codec::decode(&surplus), Err(DecodeError::Trailing));
    }
    for message in messages() {
        for len in 0..message.len() {
            // A delivery without its envelope is a delivery still, and says so.
            assert!(!is_accepted(&message.slice(..len)), "{len} octets");
        }
        let surplus: Bytes = [&message[..], b"x"].concat().into();
        assert!(!is_accepted(&surplus));
    }
}

#[test]
fn a_delivery_tells_its_slot_although_its_envelope_is_spoilt() {
    let mut message = samples::delivery().to_vec();
    *message.last_mut().unwrap() ^= 1;
    let Ok(FeedMessage::Delivery(delivery)) = codec::decode_message(&message.into()) else {
        panic!("the slot is whole");
    };
    assert_eq!(delivery.slot, samples::slot());
    assert_eq!(delivery.envelope, Err(DecodeError::BodyChecksum));
}

#[test]
fn newer_formats_are_named_and_older_ones_than_the_first_refused() {
    for (format, expected) in [
        (2, DecodeError::Format(2)),
        (255, DecodeError::Format(255)),
        (0, DecodeError::Invalid("format")),
    ] {
        for mut octets in frames().into_iter().map(Vec::from) {
            octets[4] = format;
            // Whether or not its checksums are where format 1 has them.
            assert_eq!(codec::decode(&octets.clone().into()), Err(expected));
            samples::reseal(&mut octets);
            assert_eq!(codec::decode(&octets.into()), Err(expected));
        }
        for mut octets in messages().into_iter().map(Vec::from) {
            octets[4] = format;
            assert_eq!(codec::decode_message(&octets.into()), Err(expected));
        }
    }
}

#[test]
fn each_kind_of_frame_has_its_magic() {
    let envelope = &frames()[0];
    assert_eq!(codec::decode_message(envelope), Err(DecodeError::Magic));
    assert_eq!(codec::decode(&messages()[1]), Err(DecodeError::Magic));
}

#[test]
fn unknown_extensions_do_no_harm() {
    let envelope = samples::put_with_extensions();
    let decoded = codec::decode(&codec::encode(&envelope).unwrap()).unwrap();
    assert_eq!(decoded.extensions, envelope.extensions);
    assert_eq!(decoded.change, envelope.change);
}

#[test]
fn whole_frames_that_no_encoder_writes_are_refused() {
    let key = samples::put().key.as_str().len();
    let table = HEADER_BYTES + key;
    let put = codec::encode(&samples::put()).unwrap();
    let delete = codec::encode(&samples::delete()).unwrap();
    let invalid = DecodeError::Invalid;
    for (what, frame, expected) in [
        ("a third kind", resealed(&put, 5, &[3]), invalid("kind")),
        (
            "a delete with representations",
            resealed(&put, 5, &[2]),
            invalid("delete with representations"),
        ),
        (
            "a put without any",
            resealed(&delete, 5, &[1]),
            invalid("put without representation"),
        ),
        (
            "a collection of another length",
            resealed(&put, 74, &[4]),
            invalid("key"),
        ),
        (
            "a key that breaks a rule",
            resealed(&put, HEADER_BYTES, b"P"),
            invalid("key"),
        ),
        (
            "a key that is no text",
            resealed(&put, HEADER_BYTES + 6, &[0xff]),
            invalid("key"),
        ),
        (
            "an unknown coding",
            resealed(&put, table + 24, &[9]),
            invalid("content coding"),
        ),
        (
            "identity twice",
            resealed(&put, table + 24, &[0]),
            invalid("order of representations"),
        ),
        (
            "identity not first",
            resealed(&put, table, &[1]),
            invalid("order of representations"),
        ),
        (
            "a coding twice",
            resealed(&put, table + 48, &[2]),
            invalid("order of representations"),
        ),
        (
            "one representation fewer",
            resealed(&put, 75, &[3]),
            invalid("length of the representations"),
        ),
        (
            "an extension cut short",
            resealed(&put, 71, &[1]),
            invalid("length of the representations"),
        ),
        (
            "a key beyond the body",
            resealed(&put, 72, &[0xff, 0xff]),
            DecodeError::Truncated,
        ),
    ] {
        assert_eq!(codec::decode(&frame), Err(expected), "{what}");
    }
}

/// Numbers of a message, too: what follows them would be counted on from.
#[test]
fn numbers_of_messages_are_held_against_their_limit() {
    for (offset, name) in [(8, "epoch"), (16, "sequence")] {
        for (number, is_allowed) in [(NUMBER_MAX, true), (NUMBER_MAX + 1, false)] {
            let mut notice = codec::encode_notice(&samples::slot());
            notice[offset..offset + 8].copy_from_slice(&number.to_be_bytes());
            let checksum = xxh3_64(&notice[..SLOT_BYTES - 8]).to_be_bytes();
            notice[SLOT_BYTES - 8..].copy_from_slice(&checksum);
            let decoded = codec::decode_message(&Bytes::copy_from_slice(&notice));
            assert_eq!(decoded.is_ok(), is_allowed, "{name} {number}: {decoded:?}");
        }
    }
}

#[test]
fn extensions_end_where_they_say() {
    let frame = codec::encode(&samples::put_with_extensions()).unwrap();
    // The last extension is empty; its length are the last two octets.
    let longer = resealed(&frame, frame.len() - 1, &[1]);
    assert_eq!(codec::decode(&longer), Err(DecodeError::Truncated));
}

#[test]
fn puts_are_encoded_identity_first_and_each_coding_once() {
    let Change::Put(all) = samples::put().change else {
        panic!("the sample is a put");
    };
    let encode = |representations: Vec<_>| {
        codec::encode(&Envelope {
            change: Change::Put(representations),
            ..samples::put()
        })
    };
    let refused = Err(codec::EncodeError::Representations);
    assert_eq!(encode(Vec::new()), refused);
    assert_eq!(encode(all[1..].to_vec()), refused);
    assert_eq!(encode([&all[..], &all[..1]].concat()), refused);
    assert_eq!(encode([&all[..2], &all[1..2]].concat()), refused);
    assert!(encode(vec![all[0].clone(), all[3].clone(), all[1].clone()]).is_ok());
}
