//! The hot path: one plain function from a key and a request's fields to what is answered.
//!
//! [`decide`] says which octets of which entry; [`respond`](super::respond) makes a response of
//! that for hyper, and `lane/compose` writes it as octets, for the requests that never see hyper.
//!
//! # Budget
//!
//! Nothing is allocated (`tests/serve.rs` counts). A document that expires costs a look or two at
//! the monotonic clock. No lock is held but for the look-up, in shared mode. Nothing is awaited,
//! formatted, hashed (but the key), compressed or logged.

use shared::{ContentCoding, EntityTag};

use super::{
    conditional::is_held,
    negotiate::{Preferences, negotiate},
};
use crate::{
    catalog::{Catalog, KeyRef, Lookup},
    entry::{Content, Entry},
};

/// What a read comes to.
#[derive(Debug, Clone)]
pub enum Answer {
    /// 200 with the document; without content for HEAD.
    Document(Selected),
    /// 304.
    NotModified(Selected),
    /// There is no such document.
    Absent,
    /// The document is not in memory; whether there is one is not known.
    Unknown,
    /// The documents are not here yet.
    NotReady,
}

/// One representation of an entry, which it keeps alive.
#[derive(Debug, Clone)]
pub struct Selected {
    content: Content,
    coding: ContentCoding,
    tag: EntityTag,
    remaining_seconds: Option<u64>,
}

impl Selected {
    /// The document.
    #[inline]
    pub fn entry(&self) -> &Entry {
        self.content.entry()
    }

    /// The octets. Copies nothing.
    #[inline]
    pub fn content(&self) -> &Content {
        &self.content
    }

    /// How they are coded.
    #[inline]
    pub fn coding(&self) -> ContentCoding {
        self.coding
    }

    /// Their entity tag.
    #[inline]
    pub fn tag(&self) -> EntityTag {
        self.tag
    }

    /// For how long the document is served yet, if it expires.
    #[inline]
    pub fn remaining_seconds(&self) -> Option<u64> {
        self.remaining_seconds
    }
}

/// Answers a read of `key`. `preferences` is asked only where there is a choice; the lines are those
/// of If-None-Match.
#[inline]
pub fn decide<'a, 'b>(
    catalog: &Catalog,
    key: impl Into<KeyRef<'a>>,
    preferences: impl FnOnce() -> Preferences,
    if_none_match: impl IntoIterator<Item = &'b [u8]>,
) -> Answer {
    let entry = match catalog.lookup(key) {
        Lookup::Hit(entry) => entry,
        Lookup::Absent => return Answer::Absent,
        Lookup::Unknown => return Answer::Unknown,
        Lookup::NotReady => return Answer::NotReady,
    };
    let mut representations = entry.representations();
    // Most documents are too short to be coded: identity is what is left, whatever is acceptable.
    let selected = if representations.is_single() {
        representations.next()
    } else {
        negotiate(&preferences(), representations, |one| {
            (one.coding(), one.octets_len())
        })
    };
    // A hit is no tombstone, so it has representations; it may have expired just now.
    let (Some(prepared), Ok(remaining_seconds)) = (selected, remaining(catalog, &entry)) else {
        return Answer::Absent;
    };
    let (coding, tag, range) = (prepared.coding(), prepared.tag(), prepared.range());
    let selected = Selected {
        content: Content::new(entry, range),
        coding,
        tag,
        remaining_seconds,
    };
    if is_held(if_none_match, tag) {
        Answer::NotModified(selected)
    } else {
        Answer::Document(selected)
    }
}

/// The document has expired.
struct Expired;

/// For how many seconds the document is served yet, if it expires.
#[inline]
fn remaining(catalog: &Catalog, entry: &Entry) -> Result<Option<u64>, Expired> {
    let Some(at) = entry.expires_at() else {
        return Ok(None);
    };
    let now = catalog.database_time().ok_or(Expired)?;
    let micros = u64::try_from(at.0.saturating_sub(now.0)).or(Err(Expired))?;
    Ok(Some(micros / 1_000_000))
}
