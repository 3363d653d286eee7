//! Every limit of the wire, at it and one past it, on both sides.

use bytes::Bytes;

use super::samples::{self, resealed};
use crate::{
    Change, ContentCoding, Envelope, Epoch, Extension, FeedMessage, Heartbeat, Position,
    Representation, Sequence, Timestamp, Version,
    codec::{self, DecodeError, EncodeError, HEADER_BYTES},
    feed::Probe,
    limits::{
        ENVELOPE_BYTES_MAX, EXTENSIONS_BYTES_MAX, NUMBER_MAX, PROBES_MAX, READER_ID_BYTES_MAX,
        REPRESENTATIONS_MAX,
    },
};

#[test]
fn numbers_end_where_doubles_do() {
    let with = |epoch, sequence, version| Envelope {
        position: Position::new(Epoch(epoch), Sequence(sequence)),
        version: Version(version),
        ..samples::put()
    };
    let past = NUMBER_MAX + 1;
    let frame = codec::encode(&with(NUMBER_MAX, NUMBER_MAX, NUMBER_MAX)).unwrap();
    assert!(codec::decode(&frame).is_ok());
    for envelope in [with(past, 1, 1), with(1, past, 1), with(1, 1, past)] {
        assert_eq!(codec::encode(&envelope), Err(EncodeError::Number));
    }
    for offset in [8, 16, 40] {
        let frame = resealed(&frame, offset, &past.to_be_bytes());
        assert_eq!(codec::decode(&frame), Err(DecodeError::Invalid("number")));
    }
}

#[test]
fn an_expiry_of_zero_would_mean_never() {
    let at = |micros| Envelope {
        expires_at: Some(Timestamp(micros)),
        ..samples::put()
    };
    assert_eq!(codec::encode(&at(0)), Err(EncodeError::ExpiryZero));
    for micros in [1, -1, i64::MAX, i64::MIN] {
        let envelope = at(micros);
        assert_eq!(
            codec::decode(&codec::encode(&envelope).unwrap()),
            Ok(envelope)
        );
    }
}

#[test]
fn an_envelope_ends_at_its_limit() {
    let of = |octets: usize| Envelope {
        change: Change::Put(vec![Representation::of(
            ContentCoding::Identity,
            vec![b' '; octets].into(),
        )]),
        ..samples::put()
    };
    let around = codec::encode(&of(0)).unwrap().len();
    let most = ENVELOPE_BYTES_MAX - around;
    let frame = codec::encode(&of(most)).unwrap();
    assert_eq!(frame.len(), ENVELOPE_BYTES_MAX);
    assert!(codec::decode(&frame).is_ok());
    assert_eq!(
        codec::encode(&of(most + 1)),
        Err(EncodeError::TooLarge(ENVELOPE_BYTES_MAX + 1))
    );
    let past = u32::try_from(ENVELOPE_BYTES_MAX + 1 - HEADER_BYTES).unwrap();
    let frame = resealed(&frame, 64, &past.to_be_bytes());
    assert_eq!(codec::decode(&frame), Err(DecodeError::Invalid("length")));
}

#[test]
fn extensions_end_at_their_limit() {
    let of = |octets: usize| Envelope {
        extensions: vec![Extension {
            id: 9,
            octets: vec![b'x'; octets].into(),
        }],
        ..samples::put()
    };
    // Each has four octets of its own.
    let most = EXTENSIONS_BYTES_MAX - 4;
    let frame = codec::encode(&of(most)).unwrap();
    assert_eq!(codec::decode(&frame), Ok(of(most)));
    assert_eq!(codec::encode(&of(most + 1)), Err(EncodeError::Extensions));
    let past = u32::try_from(EXTENSIONS_BYTES_MAX + 1).unwrap();
    let frame = resealed(&frame, 68, &past.to_be_bytes());
    assert_eq!(
        codec::decode(&frame),
        Err(DecodeError::Invalid("length of the extensions"))
    );
}

#[test]
fn representations_are_limited_in_number() {
    let frame = codec::encode(&samples::put()).unwrap();
    let past = u8::try_from(REPRESENTATIONS_MAX + 1).unwrap();
    assert_eq!(
        codec::decode(&resealed(&frame, 75, &[past])),
        Err(DecodeError::Invalid("number of representations"))
    );
    // At the limit it is only the frame's length that does not suit.
    let at = codec::decode(&resealed(&frame, 75, &[past - 1]));
    assert_ne!(at, Err(DecodeError::Invalid("number of representations")));
}

fn probes_after_the_journey(probes: Vec<Probe>) -> Vec<Probe> {
    let message = codec::encode_heartbeat(&Heartbeat {
        probes,
        ..samples::heartbeat()
    });
    match codec::decode_message(&message) {
        Ok(FeedMessage::Heartbeat(heartbeat)) => heartbeat.probes,
        other => panic!("{other:?}"),
    }
}

#[test]
fn a_heartbeat_repeats_so_many_probes_and_no_odd_ones() {
    let probe = |reader: String| Probe { reader, nonce: 1 };
    let numbered = |number: usize| (0..number).map(|index| probe(index.to_string())).collect();
    assert_eq!(
        probes_after_the_journey(numbered(PROBES_MAX)).len(),
        PROBES_MAX
    );
    assert_eq!(
        probes_after_the_journey(numbered(PROBES_MAX + 1)).len(),
        PROBES_MAX
    );

    let longest = probe("r".repeat(READER_ID_BYTES_MAX));
    let odd = vec![
        probe(String::new()),
        longest.clone(),
        probe("r".repeat(READER_ID_BYTES_MAX + 1)),
    ];
    assert_eq!(probes_after_the_journey(odd), [longest]);
}

#[test]
fn a_heartbeat_with_more_probes_than_an_encoder_writes_is_refused() {
    let probe = Probe {
        reader: "r".to_owned(),
        nonce: 1,
    };
    let full = codec::encode_heartbeat(&Heartbeat {
        probes: vec![probe; PROBES_MAX],
        ..samples::heartbeat()
    });
    let mut octets = full[..full.len() - 8].to_vec();
    let one = octets[octets.len() - 10..].to_vec();
    octets.extend_from_slice(&one);
    let checksum = xxhash_rust::xxh3::xxh3_64(&octets[codec::SLOT_BYTES..]);
    octets.extend_from_slice(&checksum.to_be_bytes());
    assert_eq!(
        codec::decode_message(&Bytes::from(octets)),
        Err(DecodeError::Invalid("number of probes"))
    );
}
