//! What is encoded is decoded, and nothing makes the decoder panic.

use bytes::Bytes;
use proptest::{collection::vec, option, prelude::*, sample::subsequence};

use super::samples;
use crate::{
    Change, ContentCoding, Delivery, Envelope, Epoch, Extension, FeedMessage, Heartbeat, Link,
    Position, Representation, ResourceKey, Sequence, Slot, Timestamp, Version, codec, feed::Probe,
    limits::NUMBER_MAX,
};

fn octets(most: usize) -> impl Strategy<Value = Bytes> {
    vec(any::<u8>(), 0..=most).prop_map(Bytes::from)
}

fn key() -> impl Strategy<Value = ResourceKey> {
    let id = "\\PC{1,60}".prop_filter("reserved", |id| id != "." && id != "..");
    ("[a-z][a-z0-9_-]{0,63}", id).prop_filter_map("control character", |(collection, id)| {
        ResourceKey::parse(&collection, &id).ok()
    })
}

fn representations() -> impl Strategy<Value = Vec<Representation>> {
    let coded = subsequence(&ContentCoding::ALL[1..], 0..=3).prop_shuffle();
    (coded, vec(octets(600), 4)).prop_map(|(codings, octets)| {
        let codings = std::iter::once(ContentCoding::Identity).chain(codings);
        codings
            .zip(octets)
            .map(|(coding, octets)| Representation::of(coding, octets))
            .collect()
    })
}

fn position() -> impl Strategy<Value = Position> {
    (0..=NUMBER_MAX, 0..=NUMBER_MAX)
        .prop_map(|(epoch, sequence)| Position::new(Epoch(epoch), Sequence(sequence)))
}

prop_compose! {
    fn slot()(position in position(), prev_link: u64, link: u64) -> Slot {
        Slot { position, prev_link: Link(prev_link), link: Link(link) }
    }
}

prop_compose! {
    fn envelope()(
        slot in slot(),
        version in 0..=NUMBER_MAX,
        updated_at: i64,
        expires_at in option::of(any::<i64>().prop_filter("never", |at| *at != 0)),
        key in key(),
        put in option::of(representations()),
        extensions in vec((any::<u16>(), octets(300)), 0..5),
    ) -> Envelope {
        Envelope {
            position: slot.position,
            prev_link: slot.prev_link,
            link: slot.link,
            version: Version(version),
            updated_at: Timestamp(updated_at),
            expires_at: expires_at.map(Timestamp),
            key,
            change: put.map_or(Change::Delete, Change::Put),
            extensions: extensions
                .into_iter()
                .map(|(id, octets)| Extension { id, octets })
                .collect(),
        }
    }
}

fn frame() -> impl Strategy<Value = Bytes> {
    envelope().prop_map(|envelope| codec::encode(&envelope).expect("it is valid"))
}

proptest! {
    #[test]
    fn decoding_undoes_encoding(envelope in envelope()) {
        let frame = codec::encode(&envelope).unwrap();
        prop_assert_eq!(codec::decode(&frame), Ok(envelope));
    }

    #[test]
    fn decoding_a_message_undoes_encoding(slot in slot(), envelope in envelope()) {
        let frame = codec::encode(&envelope).unwrap();
        let delivery: Bytes = [&codec::encode_slot(&slot)[..], &frame].concat().into();
        let expected = Delivery { slot, envelope: Ok(envelope) };
        prop_assert_eq!(codec::decode_message(&delivery), Ok(FeedMessage::Delivery(expected)));
        let notice = Bytes::copy_from_slice(&codec::encode_notice(&slot));
        prop_assert_eq!(codec::decode_message(&notice), Ok(FeedMessage::Notice(slot)));
    }

    #[test]
    fn decoding_a_heartbeat_undoes_encoding(
        slot in slot(),
        at: i64,
        probes in vec(("\\PC{1,16}", any::<u64>()), 0..20),
    ) {
        let heartbeat = Heartbeat {
            head: slot.position,
            link: slot.link,
            database_time: Timestamp(at),
            probes: probes.into_iter().map(|(reader, nonce)| Probe { reader, nonce }).collect(),
        };
        let message = codec::encode_heartbeat(&heartbeat);
        prop_assert_eq!(codec::decode_message(&message), Ok(FeedMessage::Heartbeat(heartbeat)));
    }

    #[test]
    fn no_octets_make_the_decoder_panic(octets in octets(400)) {
        prop_assert!(codec::decode(&octets).is_err());
        prop_assert!(codec::decode_message(&octets).is_err());
    }

    /// Behind right checksums, so that every rule of the body is reached. What is accepted all the
    /// same is an envelope that can be encoded again.
    #[test]
    fn no_well_summed_nonsense_makes_the_decoder_panic(
        frame in frame(),
        spoilt in vec((any::<prop::sample::Index>(), any::<u8>()), 1..6),
        cut in option::of(any::<prop::sample::Index>()),
    ) {
        let mut frame = frame.to_vec();
        for (index, octet) in spoilt {
            let index = index.index(frame.len());
            frame[index] = octet;
        }
        if let Some(cut) = cut {
            frame.truncate(codec::HEADER_BYTES + cut.index(frame.len() - codec::HEADER_BYTES));
        }
        samples::reseal(&mut frame);
        let frame = Bytes::from(frame);
        if let Ok(envelope) = codec::decode(&frame) {
            prop_assert_eq!(codec::decode(&codec::encode(&envelope).unwrap()), Ok(envelope));
        }
    }

    #[test]
    fn positions_survive_as_text(position in position()) {
        prop_assert_eq!(position.to_string().parse(), Ok(position));
    }
}

#[test]
fn representations_are_slices_of_the_frame() {
    let frame = codec::encode(&samples::put()).unwrap();
    let inside = frame.as_ptr_range();
    let Change::Put(representations) = codec::decode(&frame).unwrap().change else {
        panic!("a put was encoded");
    };
    for one in representations {
        assert!(
            inside.contains(&one.octets.as_ptr()),
            "{:?} was copied",
            one.coding
        );
    }
}
