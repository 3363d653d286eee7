//! Batches: several feed messages that travel as one.
//!
//! magic 4 | format 1 | zero 3, then each message preceded by its length (4 octets). There is no
//! checksum around them: each message has its own, and a damaged length shows as a damaged message.
//! Readers that know no batches take one for octets that are no message: its slots are holes, which
//! they fill by replay.

use bytes::{Buf, Bytes};

use super::{DecodeError, layout::FORMAT, stream::LENGTH_BYTES};

const MAGIC: [u8; 4] = *b"PRSB";

/// Octets of a batch's header.
pub const BATCH_BYTES: usize = 8;

/// The header of a batch; the messages follow it, each after [`super::encode_length`] of it.
pub const fn encode_batch() -> [u8; BATCH_BYTES] {
    let [m0, m1, m2, m3] = MAGIC;
    [m0, m1, m2, m3, FORMAT, 0, 0, 0]
}

/// The messages of a batch, in their order; of anything else, itself. They share its allocation.
///
/// Gives an error once, at the end, where a batch is of an unknown format or cut short: what follows
/// is unknown. Never panics, whatever the octets are.
pub fn messages(octets: &Bytes) -> Messages {
    if !octets.starts_with(&MAGIC) {
        return Messages(Rest::Single(octets.clone()));
    }
    Messages(match octets.get(MAGIC.len()) {
        Some(&format) if format > FORMAT => Rest::Broken(DecodeError::Format(format)),
        Some(0) => Rest::Broken(DecodeError::Invalid("format")),
        _ if octets.len() < BATCH_BYTES => Rest::Broken(DecodeError::Truncated),
        _ => Rest::Batch(octets.slice(BATCH_BYTES..)),
    })
}

/// See [`messages`].
#[derive(Debug, Clone)]
pub struct Messages(Rest);

#[derive(Debug, Clone)]
enum Rest {
    Single(Bytes),
    Batch(Bytes),
    Broken(DecodeError),
    Nothing,
}

impl Iterator for Messages {
    type Item = Result<Bytes, DecodeError>;

    fn next(&mut self) -> Option<Self::Item> {
        if let Rest::Batch(rest) = &mut self.0
            && !rest.is_empty()
        {
            let message = split(rest);
            if message.is_err() {
                self.0 = Rest::Nothing;
            }
            return Some(message);
        }
        match std::mem::replace(&mut self.0, Rest::Nothing) {
            Rest::Single(message) => Some(Ok(message)),
            Rest::Broken(error) => Some(Err(error)),
            Rest::Batch(_) | Rest::Nothing => None,
        }
    }
}

fn split(rest: &mut Bytes) -> Result<Bytes, DecodeError> {
    if rest.len() < LENGTH_BYTES {
        return Err(DecodeError::Truncated);
    }
    let len = rest.get_u32() as usize;
    if rest.len() < len {
        return Err(DecodeError::Truncated);
    }
    Ok(rest.split_to(len))
}
