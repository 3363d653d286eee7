//! Keys of the catalog: entries find themselves, look-ups borrow.

use std::hash::{Hash, Hasher};

use quick_cache::Equivalent;
use shared::ResourceKey;

use crate::entry::Entry;

/// A key to look up, borrowed: nothing is allocated or joined.
///
/// It need not be valid; an invalid one names nothing.
#[derive(Debug, Clone, Copy)]
pub struct KeyRef<'a> {
    collection: &'a [u8],
    id: &'a [u8],
}

impl<'a> KeyRef<'a> {
    /// Collection and id.
    pub(crate) fn octets(self) -> (&'a [u8], &'a [u8]) {
        (self.collection, self.id)
    }

    /// The key itself, if it is one.
    pub fn to_key(self) -> Option<ResourceKey> {
        let collection = str::from_utf8(self.collection).ok()?;
        ResourceKey::parse(collection, str::from_utf8(self.id).ok()?).ok()
    }
}

impl<'a> From<&'a ResourceKey> for KeyRef<'a> {
    fn from(key: &'a ResourceKey) -> Self {
        (key.collection(), key.id()).into()
    }
}

/// From collection and id.
impl<'a> From<(&'a str, &'a str)> for KeyRef<'a> {
    fn from((collection, id): (&'a str, &'a str)) -> Self {
        (collection.as_bytes(), id.as_bytes()).into()
    }
}

/// From the octets of both. What is not UTF-8 names nothing.
impl<'a> From<(&'a [u8], &'a [u8])> for KeyRef<'a> {
    fn from((collection, id): (&'a [u8], &'a [u8])) -> Self {
        Self { collection, id }
    }
}

/// From `collection/id`. A text without `/` names nothing.
impl<'a> From<&'a str> for KeyRef<'a> {
    fn from(text: &'a str) -> Self {
        text.split_once('/').unwrap_or(("", text)).into()
    }
}

/// The cache's key: the entry itself, whose block begins with its key. So a key costs one pointer,
/// and comparing it reads memory that the answer needs anyway.
#[derive(Debug, Clone)]
pub(super) struct EntryKey(pub(super) Entry);

impl PartialEq for EntryKey {
    fn eq(&self, other: &Self) -> bool {
        self.0.key_octets() == other.0.key_octets()
    }
}

impl Eq for EntryKey {}

impl Hash for EntryKey {
    #[inline]
    fn hash<H: Hasher>(&self, state: &mut H) {
        hash_octets(self.0.key_octets(), state);
    }
}

impl Hash for KeyRef<'_> {
    #[inline]
    fn hash<H: Hasher>(&self, state: &mut H) {
        hash_octets((self.collection, self.id), state);
    }
}

impl Equivalent<EntryKey> for KeyRef<'_> {
    #[inline]
    fn equivalent(&self, key: &EntryKey) -> bool {
        key.0.key_octets() == (self.collection, self.id)
    }
}

/// The one way in which keys are hashed, or borrowed ones would miss.
#[inline]
fn hash_octets<H: Hasher>((collection, id): (&[u8], &[u8]), state: &mut H) {
    state.write(collection);
    state.write(id);
}
