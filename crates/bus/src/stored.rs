//! What both implementations know of the octets they store.

use shared::{
    ResourceKey,
    codec::{DecodeError, SEQUENCE_OFFSET, summarize},
    limits::READER_ID_BYTES_MAX,
};

use crate::{BusError, Held, Names, limits::STATUS_BYTES_MAX};

/// The sequence inside an encoded envelope. Octets too short to have one count as older than
/// everything, so that the next store replaces them.
pub(crate) fn sequence_of(envelope: &[u8]) -> Option<u64> {
    let octets = envelope.get(SEQUENCE_OFFSET..SEQUENCE_OFFSET + 8)?;
    Some(u64::from_be_bytes(octets.try_into().ok()?))
}

/// What octets of this length, beginning with `head`, are.
pub(crate) fn held_of(head: &[u8], len: usize) -> Held {
    match summarize(head, len) {
        Ok(summary) => Held::Envelope(summary),
        Err(DecodeError::Format(_)) => Held::Newer,
        Err(_) => Held::Damaged,
    }
}

/// Names of fields, sorted out.
pub(crate) fn names_of(fields: &[Vec<u8>]) -> Names {
    let keys: Vec<ResourceKey> = fields
        .iter()
        .filter_map(|name| ResourceKey::from_text(str::from_utf8(name).ok()?).ok())
        .collect();
    Names {
        fields: fields.len() as u64,
        strangers: (fields.len() - keys.len()) as u64,
        keys,
    }
}

/// Refuses ids that could not be part of a key or of a heartbeat.
pub(crate) fn check_reader_id(reader: &str) -> Result<(), BusError> {
    let is_visible_ascii = reader.bytes().all(|octet| octet.is_ascii_graphic());
    if is_visible_ascii && !reader.is_empty() && reader.len() <= READER_ID_BYTES_MAX {
        Ok(())
    } else {
        Err(BusError::Unsuitable(format!(
            "a reader's id is 1 to {READER_ID_BYTES_MAX} visible ASCII characters, not {reader:?}"
        )))
    }
}

/// Refuses a status that is too large to keep for every reader.
pub(crate) fn check_status(status: &str) -> Result<(), BusError> {
    if status.len() <= STATUS_BYTES_MAX {
        Ok(())
    } else {
        Err(BusError::Unsuitable(format!(
            "a reader's status has {} octets; at most {STATUS_BYTES_MAX} are allowed",
            status.len()
        )))
    }
}
