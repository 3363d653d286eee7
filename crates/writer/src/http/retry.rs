//! `Idempotency-Key`: POSTs that clients may repeat
//! (draft-ietf-httpapi-idempotency-key-header).
//!
//! The key is the client's; what is stored is a hash over it, the route and the name of the token
//! that came with it, so that nobody meets another's answers.

use http::{HeaderMap, HeaderName, HeaderValue, header};
use service::{Kind, Problem};
use shared::EntityTag;

use super::{access::Caller, expiry::EXPIRES_AT};
use crate::store::{Retry, RetryKey};

/// The request's field.
pub(super) const IDEMPOTENCY_KEY: HeaderName = HeaderName::from_static("idempotency-key");

/// On an answer that was given before: `true`.
pub(super) const REPLAYED: HeaderName = HeaderName::from_static("idempotent-replayed");

/// Upper bound on a client's key, in octets. Longer ones are refused with 400.
pub const KEY_BYTES_MAX: usize = 255;

/// A write that its client may repeat.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Repeatable {
    key: RetryKey,
    fingerprint: [u8; 32],
}

impl Repeatable {
    /// The write to `route` that these fields and this content ask for, if they name it.
    ///
    /// # Errors
    /// 400 where the field is not one key.
    pub(super) fn of(
        headers: &HeaderMap,
        caller: &Caller,
        route: &str,
        content: &[u8],
    ) -> Result<Option<Self>, Problem> {
        let Some(key) = key_in(headers)? else {
            return Ok(None);
        };
        let mut fingerprint = Parts::default();
        fingerprint.add(content);
        // What else decides what is done.
        for name in [&EXPIRES_AT, &header::IF_MATCH, &header::IF_NONE_MATCH] {
            let lines: Vec<&[u8]> = headers
                .get_all(name)
                .iter()
                .map(HeaderValue::as_bytes)
                .collect();
            fingerprint.add(&lines.join(&b','));
        }
        let mut name = Parts::default();
        name.add(caller.0.as_bytes());
        name.add(route.as_bytes());
        name.add(key);
        Ok(Some(Self {
            key: name.hash(),
            fingerprint: fingerprint.hash(),
        }))
    }

    /// The same for the store, with the tag that its first answer tells.
    pub(super) fn with_tag(self, tag: EntityTag) -> Retry {
        Retry {
            key: self.key,
            fingerprint: self.fingerprint,
            tag,
        }
    }
}

/// The key as the client spelt it, quotes included where it has some.
fn key_in(headers: &HeaderMap) -> Result<Option<&[u8]>, Problem> {
    let mut lines = headers.get_all(&IDEMPOTENCY_KEY).iter();
    let key = match (lines.next(), lines.next()) {
        (None, _) => return Ok(None),
        (Some(line), None) => line.as_bytes(),
        (Some(_), Some(_)) => return Err(malformed()),
    };
    let is_key = (1..=KEY_BYTES_MAX).contains(&key.len())
        && key.iter().all(|octet| matches!(octet, b' '..=b'~'));
    if is_key {
        Ok(Some(key))
    } else {
        Err(malformed())
    }
}

fn malformed() -> Problem {
    let detail = format!("Idempotency-Key is one text of 1 to {KEY_BYTES_MAX} ASCII characters");
    Problem::new(Kind::MalformedRequest, detail)
}

/// A hash over several texts, each with its length: no two lists of texts look alike.
#[derive(Default)]
struct Parts(blake3::Hasher);

impl Parts {
    fn add(&mut self, part: &[u8]) {
        self.0.update(&(part.len() as u64).to_le_bytes());
        self.0.update(part);
    }

    fn hash(&self) -> [u8; 32] {
        *self.0.finalize().as_bytes()
    }
}
