//! Envelopes, feed messages, batches and trailers.

use bytes::Bytes;
use shared::{
    Change, Envelope, FeedMessage, Position, Slot,
    codec::{self, HEADER_BYTES, SLOT_BYTES, Summary, TRAILER_BYTES},
    entity_tag::TAG_BYTES,
    limits::NUMBER_MAX,
};
use xxhash_rust::xxh3::xxh3_64;

/// Octets of one representation in an envelope's table: its coding, three reserved, tag and length.
const ROW_BYTES: usize = 1 + 3 + TAG_BYTES + 4;

/// Octets of a feed message's header that say of which kind it is, and that are reserved.
const MESSAGE_KIND: usize = 5;

const MESSAGE_KIND_HEARTBEAT: u8 = 3;

/// No octets make a decoder panic, and what decodes is encoded to the same octets, but for those that
/// are reserved.
///
/// Its summary says the same, and no number passes what scripts can compute with.
///
/// Octets are taken as they are, and again with lengths and checksums made right: nothing that is
/// made by chance would pass these.
pub fn frames(octets: &[u8]) {
    for octets in [octets.to_vec(), sealed(octets)] {
        let octets = Bytes::from(octets);
        envelope(&octets);
        batch(&octets);
        trailer(&octets);
    }
}

fn envelope(frame: &Bytes) {
    let summary = codec::summarize(frame, frame.len());
    let Ok(envelope) = codec::decode(frame) else {
        return;
    };
    let is_delete = envelope.change == Change::Delete;
    let (position, link) = (envelope.position, envelope.link);
    assert_eq!(
        summary,
        Ok(Summary {
            position,
            link,
            is_delete
        })
    );
    check_numbers(position);
    let again = codec::encode(&envelope).expect("what decodes is within every limit");
    assert_eq!(
        again,
        without_reserved(frame, &envelope),
        "encoded to other octets"
    );
}

fn without_reserved(frame: &[u8], envelope: &Envelope) -> Vec<u8> {
    let mut frame = frame.to_vec();
    frame[6..8].fill(0);
    frame[HEADER_BYTES - 20..HEADER_BYTES - 16].fill(0);
    let rows = match &envelope.change {
        Change::Put(representations) => representations.len(),
        Change::Delete => 0,
    };
    let table = HEADER_BYTES + envelope.key.as_str().len();
    for row in 0..rows {
        let at = table + row * ROW_BYTES;
        frame[at + 1..at + 4].fill(0);
    }
    seal_envelope(&mut frame);
    frame
}

fn batch(octets: &Bytes) {
    let mut again = codec::encode_batch().to_vec();
    let mut is_whole = octets.starts_with(&again[..4]);
    for one in codec::messages(octets) {
        let Ok(one) = one else {
            is_whole = false;
            continue;
        };
        message(&one);
        let len = u32::try_from(one.len()).expect("it was shorter than a batch");
        again.extend_from_slice(&len.to_be_bytes());
        again.extend_from_slice(&one);
    }
    if is_whole {
        assert_eq!(again[4], octets[4], "a format that nobody writes");
        assert_eq!(again[8..], octets[8..], "a batch lost octets");
    }
}

fn message(octets: &Bytes) {
    match codec::decode_message(octets) {
        Ok(FeedMessage::Delivery(delivery)) => {
            let rest = octets.slice(SLOT_BYTES..);
            assert_eq!(delivery.envelope, codec::decode(&rest));
            envelope(&rest);
            slot(octets, &delivery.slot, codec::encode_slot(&delivery.slot));
        }
        Ok(FeedMessage::Notice(notice)) => slot(octets, &notice, codec::encode_notice(&notice)),
        Ok(FeedMessage::Heartbeat(heartbeat)) => {
            check_numbers(heartbeat.head);
            let again = codec::encode_heartbeat(&heartbeat);
            let decoded = codec::decode_message(&again);
            assert_eq!(again.len(), octets.len());
            assert_eq!(again[SLOT_BYTES..], octets[SLOT_BYTES..]);
            assert_eq!(decoded, Ok(FeedMessage::Heartbeat(heartbeat)));
        }
        Err(_) => {}
    }
}

fn slot(octets: &[u8], slot: &Slot, again: [u8; SLOT_BYTES]) {
    check_numbers(slot.position);
    let mut octets = octets[..SLOT_BYTES].to_vec();
    octets[6..8].fill(0);
    seal_message_header(&mut octets);
    assert_eq!(octets, again);
}

fn trailer(octets: &[u8]) {
    if let Ok(trailer) = codec::decode_trailer(octets) {
        let mut octets = octets.to_vec();
        octets[5..8].fill(0);
        seal_end(&mut octets, 0);
        assert_eq!(octets, codec::encode_trailer(&trailer));
    }
}

fn check_numbers(position: Position) {
    assert!(position.epoch.0 <= NUMBER_MAX, "{position}");
    assert!(position.sequence.0 <= NUMBER_MAX, "{position}");
}

/// The same with all lengths and checksums made right that can be.
fn sealed(octets: &[u8]) -> Vec<u8> {
    let mut octets = octets.to_vec();
    match octets.get(..4) {
        Some(b"PRSE") => seal_envelope(&mut octets),
        Some(b"PRSF") => seal_message(&mut octets),
        Some(b"PRST") if octets.len() == TRAILER_BYTES => seal_end(&mut octets, 0),
        Some(b"PRSB") => {
            let mut at = codec::BATCH_BYTES;
            while let Some(length) = octets.get(at..).and_then(|rest| rest.first_chunk::<4>()) {
                let len = u32::from_be_bytes(*length) as usize;
                at += 4;
                let end = octets.len().min(at.saturating_add(len));
                seal_message(&mut octets[at..end]);
                at = end;
            }
        }
        _ => {}
    }
    octets
}

fn seal_message(octets: &mut [u8]) {
    if octets.len() < SLOT_BYTES {
        return;
    }
    seal_message_header(octets);
    if octets[MESSAGE_KIND] == MESSAGE_KIND_HEARTBEAT {
        seal_end(octets, SLOT_BYTES);
    } else {
        seal_envelope(&mut octets[SLOT_BYTES..]);
    }
}

fn seal_message_header(octets: &mut [u8]) {
    let checksum = xxh3_64(&octets[..SLOT_BYTES - 8]).to_be_bytes();
    octets[SLOT_BYTES - 8..SLOT_BYTES].copy_from_slice(&checksum);
}

/// The last eight octets are the checksum of those from `start` to them.
fn seal_end(octets: &mut [u8], start: usize) {
    let Some(end) = octets.len().checked_sub(8).filter(|end| *end >= start) else {
        return;
    };
    let checksum = xxh3_64(&octets[start..end]).to_be_bytes();
    octets[end..].copy_from_slice(&checksum);
}

fn seal_envelope(frame: &mut [u8]) {
    let Some(body_len) = frame.len().checked_sub(HEADER_BYTES) else {
        return;
    };
    let body_len = u32::try_from(body_len).unwrap_or(u32::MAX).to_be_bytes();
    frame[64..68].copy_from_slice(&body_len);
    let body = xxh3_64(&frame[HEADER_BYTES..]).to_be_bytes();
    frame[HEADER_BYTES - 16..HEADER_BYTES - 8].copy_from_slice(&body);
    let header = xxh3_64(&frame[..HEADER_BYTES - 8]).to_be_bytes();
    frame[HEADER_BYTES - 8..HEADER_BYTES].copy_from_slice(&header);
}
