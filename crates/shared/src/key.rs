//! What a URL path identifies: a collection and a document id in it.

use std::fmt;

use xxhash_rust::xxh3::xxh3_64;

use crate::limits::{COLLECTION_BYTES_MAX, ID_BYTES_MAX};

/// The key of one document: collection and id, held as `collection/id`.
///
/// A collection's name has no `/`, so the first one divides the text and equal texts mean equal
/// keys. Ordered by that text's octets.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct ResourceKey {
    text: Box<str>,
    // Invariant: 1..=64, and text[collection_len] is b'/'.
    collection_len: u8,
}

/// Why a collection and an id do not make a key.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum KeyError {
    /// The collection is not `[a-z][a-z0-9_-]{0,63}`.
    #[error(
        "a collection name is 1 to {COLLECTION_BYTES_MAX} of a-z, 0-9, _ and -, beginning with a letter"
    )]
    Collection,
    /// The id is empty.
    #[error("the id is empty; it needs 1 to {ID_BYTES_MAX} octets of UTF-8")]
    IdEmpty,
    /// The id has more than 256 octets.
    #[error("the id has {0} octets of UTF-8; at most {ID_BYTES_MAX} are allowed")]
    IdTooLong(usize),
    /// The id is `.` or `..`, which URL normalisation removes (RFC 3986 §5.2.4).
    #[error("the ids . and .. are reserved")]
    IdDots,
    /// The id has a control character (Unicode category Cc).
    #[error("the id has a control character")]
    IdControl,
}

impl ResourceKey {
    /// Checks both parts and joins them.
    ///
    /// # Errors
    /// The first rule that a part breaks.
    pub fn parse(collection: &str, id: &str) -> Result<Self, KeyError> {
        let collection_len = check_key(collection, id)?;
        let mut text = String::with_capacity(collection.len() + 1 + id.len());
        text.push_str(collection);
        text.push('/');
        text.push_str(id);
        Ok(Self {
            text: text.into_boxed_str(),
            collection_len,
        })
    }

    /// Parses the `collection/id` form that [`Self::as_str`] gives.
    ///
    /// # Errors
    /// As [`Self::parse`]; a text without `/` has no valid collection.
    pub fn from_text(text: &str) -> Result<Self, KeyError> {
        let (collection, id) = text.split_once('/').ok_or(KeyError::Collection)?;
        Self::parse(collection, id)
    }

    /// The collection's name.
    pub fn collection(&self) -> &str {
        &self.text[..usize::from(self.collection_len)]
    }

    /// The document's id within its collection.
    pub fn id(&self) -> &str {
        &self.text[usize::from(self.collection_len) + 1..]
    }

    /// `collection/id`, the form used as a field name on the bus.
    pub fn as_str(&self) -> &str {
        &self.text
    }

    /// The snapshot bucket that holds this key, of `buckets`, which must be a power of two.
    pub fn bucket(&self, buckets: u32) -> u32 {
        bucket_of(&self.text, buckets)
    }
}

/// The bucket of a `collection/id` text; see [`ResourceKey::bucket`].
///
/// The hash is XXH3-64 with seed 0 and part of the wire: writers and readers of every version
/// must agree on it.
pub fn bucket_of(text: &str, buckets: u32) -> u32 {
    debug_assert!(buckets.is_power_of_two(), "buckets is a power of two");
    let mask = u64::from(buckets - 1);
    u32::try_from(xxh3_64(text.as_bytes()) & mask).unwrap_or(0)
}

/// Checks both parts of a key and gives the length of the collection's name: what
/// [`ResourceKey::parse`] asks, without making one.
///
/// # Errors
/// The first rule that a part breaks.
pub fn check_key(collection: &str, id: &str) -> Result<u8, KeyError> {
    let collection_len = check_collection(collection)?;
    check_id(id)?;
    Ok(collection_len)
}

/// Checks a collection's name and gives its length.
///
/// # Errors
/// [`KeyError::Collection`] unless it is `[a-z][a-z0-9_-]{0,63}`.
pub fn check_collection(collection: &str) -> Result<u8, KeyError> {
    let octets = collection.as_bytes();
    let begins_with_letter = octets.first().is_some_and(u8::is_ascii_lowercase);
    let rest_is_allowed = octets.iter().all(|&octet| {
        octet.is_ascii_lowercase() || octet.is_ascii_digit() || octet == b'_' || octet == b'-'
    });
    if !begins_with_letter || !rest_is_allowed || octets.len() > COLLECTION_BYTES_MAX {
        return Err(KeyError::Collection);
    }
    u8::try_from(octets.len()).or(Err(KeyError::Collection))
}

fn check_id(id: &str) -> Result<(), KeyError> {
    match id {
        "" => Err(KeyError::IdEmpty),
        "." | ".." => Err(KeyError::IdDots),
        _ if id.len() > ID_BYTES_MAX => Err(KeyError::IdTooLong(id.len())),
        _ if has_control(id) => Err(KeyError::IdControl),
        _ => Ok(()),
    }
}

fn has_control(id: &str) -> bool {
    if id.is_ascii() {
        id.bytes().any(|octet| octet.is_ascii_control())
    } else {
        id.chars().any(char::is_control)
    }
}

impl fmt::Debug for ResourceKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:?}", &*self.text)
    }
}

impl fmt::Display for ResourceKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.text)
    }
}
