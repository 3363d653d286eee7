//! Feed messages.
//!
//! Every message begins with the same header: magic 4 | format 1 | kind 1 | zero 2 | epoch 8
//! | sequence 8 | `prev_link` 8 | link 8 | checksum 8. An envelope follows the header of a delivery
//! as it is, so that a script can join the two; a heartbeat's header is followed by its own body.

use bytes::{Buf, BufMut, Bytes, BytesMut};
use xxhash_rust::xxh3::xxh3_64;

use super::{DecodeError, decode, layout::FORMAT};
use crate::{
    Delivery, Epoch, FeedMessage, Heartbeat, Link, Position, Sequence, Slot, Timestamp,
    feed::Probe,
    limits::{NUMBER_MAX, PROBES_MAX, READER_ID_BYTES_MAX},
};

const MAGIC: [u8; 4] = *b"PRSF";

const KIND_DELIVERY: u8 = 1;
const KIND_NOTICE: u8 = 2;
const KIND_HEARTBEAT: u8 = 3;

/// Octets of a feed message's header.
pub const SLOT_BYTES: usize = 48;

const CHECKSUM_OFFSET: usize = SLOT_BYTES - 8;

/// The header of a delivery; the message is this, then the envelope's frame.
pub fn encode_slot(slot: &Slot) -> [u8; SLOT_BYTES] {
    encode_header(KIND_DELIVERY, slot)
}

/// A whole notice.
pub fn encode_notice(slot: &Slot) -> [u8; SLOT_BYTES] {
    encode_header(KIND_NOTICE, slot)
}

/// A whole heartbeat. Probes beyond [`PROBES_MAX`] and ids that are empty or longer than
/// [`READER_ID_BYTES_MAX`] are left out: those readers read as stale, nobody else is harmed.
pub fn encode_heartbeat(heartbeat: &Heartbeat) -> Bytes {
    let slot = Slot {
        position: heartbeat.head,
        prev_link: Link::ZERO,
        link: heartbeat.link,
    };
    let mut message = BytesMut::with_capacity(SLOT_BYTES + 32 + 48 * heartbeat.probes.len());
    message.put_slice(&encode_header(KIND_HEARTBEAT, &slot));
    message.put_i64(heartbeat.database_time.0);
    let probes = heartbeat
        .probes
        .iter()
        .filter(|probe| is_reader_id(&probe.reader));
    for probe in probes.take(PROBES_MAX) {
        message.put_u64(probe.nonce);
        message.put_u8(u8::try_from(probe.reader.len()).unwrap_or(0));
        message.put_slice(probe.reader.as_bytes());
    }
    let checksum = xxh3_64(&message[SLOT_BYTES..]);
    message.put_u64(checksum);
    message.freeze()
}

/// Decodes one message. A delivery is given even where its envelope cannot be read, because its
/// slot is known.
///
/// # Errors
/// The octets are not a feed message of a known format. Never panics, whatever they are.
pub fn decode_message(message: &Bytes) -> Result<FeedMessage, DecodeError> {
    let (kind, slot) = decode_header(message)?;
    let rest = message.slice(SLOT_BYTES..);
    match kind {
        KIND_DELIVERY => Ok(FeedMessage::Delivery(Delivery {
            slot,
            envelope: decode(&rest),
        })),
        KIND_NOTICE if rest.is_empty() => Ok(FeedMessage::Notice(slot)),
        KIND_NOTICE => Err(DecodeError::Trailing),
        KIND_HEARTBEAT => decode_heartbeat(slot, &rest).map(FeedMessage::Heartbeat),
        _ => Err(DecodeError::Invalid("kind of message")),
    }
}

fn encode_header(kind: u8, slot: &Slot) -> [u8; SLOT_BYTES] {
    let mut header = [0; SLOT_BYTES];
    let mut rest = &mut header[..];
    rest.put_slice(&MAGIC);
    rest.put_u8(FORMAT);
    rest.put_u8(kind);
    rest.put_u16(0);
    rest.put_u64(slot.position.epoch.0);
    rest.put_u64(slot.position.sequence.0);
    rest.put_u64(slot.prev_link.0);
    rest.put_u64(slot.link.0);
    let checksum = xxh3_64(&header[..CHECKSUM_OFFSET]);
    header[CHECKSUM_OFFSET..].copy_from_slice(&checksum.to_be_bytes());
    header
}

fn decode_header(message: &[u8]) -> Result<(u8, Slot), DecodeError> {
    if message.len() < SLOT_BYTES {
        return Err(DecodeError::Truncated);
    }
    if message[..MAGIC.len()] != MAGIC {
        return Err(DecodeError::Magic);
    }
    let (mut fields, mut checksum) = message[..SLOT_BYTES].split_at(CHECKSUM_OFFSET);
    // Before the checksum: a newer format may have it elsewhere.
    let format = fields[MAGIC.len()];
    if format > FORMAT {
        return Err(DecodeError::Format(format));
    }
    if format == 0 {
        return Err(DecodeError::Invalid("format"));
    }
    if xxh3_64(fields) != checksum.get_u64() {
        return Err(DecodeError::HeaderChecksum);
    }
    fields.advance(MAGIC.len() + 1);
    let kind = fields.get_u8();
    fields.advance(2);
    let slot = Slot {
        position: Position::new(Epoch(fields.get_u64()), Sequence(fields.get_u64())),
        prev_link: Link(fields.get_u64()),
        link: Link(fields.get_u64()),
    };
    let numbers = [slot.position.epoch.0, slot.position.sequence.0];
    if numbers.into_iter().any(|number| number > NUMBER_MAX) {
        return Err(DecodeError::Invalid("number"));
    }
    Ok((kind, slot))
}

fn decode_heartbeat(slot: Slot, rest: &Bytes) -> Result<Heartbeat, DecodeError> {
    if rest.len() < 16 {
        return Err(DecodeError::Truncated);
    }
    let (mut body, mut checksum) = rest.split_at(rest.len() - 8);
    if xxh3_64(body) != checksum.get_u64() {
        return Err(DecodeError::BodyChecksum);
    }
    let database_time = Timestamp(body.get_i64());
    let mut probes = Vec::new();
    while body.has_remaining() {
        if probes.len() == PROBES_MAX {
            return Err(DecodeError::Invalid("number of probes"));
        }
        probes.push(decode_probe(&mut body)?);
    }
    Ok(Heartbeat {
        head: slot.position,
        link: slot.link,
        database_time,
        probes,
    })
}

fn decode_probe(body: &mut &[u8]) -> Result<Probe, DecodeError> {
    if body.len() < 9 {
        return Err(DecodeError::Truncated);
    }
    let nonce = body.get_u64();
    let len = usize::from(body.get_u8());
    if body.len() < len {
        return Err(DecodeError::Truncated);
    }
    let (reader, rest) = body.split_at(len);
    *body = rest;
    let reader = str::from_utf8(reader).or(Err(DecodeError::Invalid("reader id")))?;
    if is_reader_id(reader) {
        Ok(Probe {
            reader: reader.to_owned(),
            nonce,
        })
    } else {
        Err(DecodeError::Invalid("reader id"))
    }
}

fn is_reader_id(reader: &str) -> bool {
    !reader.is_empty() && reader.len() <= READER_ID_BYTES_MAX
}
