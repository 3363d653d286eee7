//! Header sections read before: what a client sends with each of its requests is parsed once.
//!
//! A section is known by its octets, all of them, the empty line at its end included. Equal octets
//! are equal fields, so what parsing the first gave is what parsing the next would give; there is
//! no second reading of anything. Only sections of plain requests are kept.
//!
//! A lane has [`SECTIONS_MAX`] places of [`SECTION_BYTES_MAX`] octets: 39 KiB with what they mean.
//! Connections keep nothing but the place of their last one: clients of one kind share theirs.

use std::{
    hash::{BuildHasher, RandomState},
    ops::Range,
};

use super::request::Fields;
use crate::http::negotiate::Preferences;

/// Octets of a section that is kept, at most. Browsers send more; they do not send many requests.
pub(crate) const SECTION_BYTES_MAX: usize = 512;

/// Sections that a lane keeps.
pub(crate) const SECTIONS_MAX: usize = 64;

/// Where a section may be found again. Any place is as good to begin with.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(crate) struct Place(u8);

/// The sections that a lane knows.
#[derive(Debug)]
pub(crate) struct Sections {
    places: Box<[Section]>,
    /// Chooses places. Seeded at random, so that no client can choose another one's.
    hasher: RandomState,
}

/// A section and what it means.
#[derive(Debug, Default, Clone)]
struct Section {
    /// None where nothing was kept yet.
    octets: Vec<u8>,
    preferences: Preferences,
    if_none_match: Option<Range<usize>>,
    at_least: Option<Range<usize>>,
}

impl Sections {
    pub(crate) fn new() -> Self {
        Self {
            places: vec![Section::default(); SECTIONS_MAX].into(),
            hasher: RandomState::new(),
        }
    }

    /// What `octets` begin with, if that is the section at `place`, and its length.
    #[inline]
    pub(crate) fn known(&self, place: Place, octets: &[u8]) -> Option<(Fields<'_>, usize)> {
        let section = &self.places[usize::from(place.0)];
        let is_same = !section.octets.is_empty() && octets.starts_with(&section.octets);
        is_same.then(|| (section.fields(), section.octets.len()))
    }

    /// Keeps a section that means `fields`, which must be of it, and says where. Where it is too
    /// long, nothing changes.
    pub(crate) fn keep(&mut self, section: &[u8], fields: &Fields<'_>, place: &mut Place) {
        if section.len() > SECTION_BYTES_MAX {
            return;
        }
        let hash = self.hasher.hash_one(section) % SECTIONS_MAX as u64;
        *place = Place(u8::try_from(hash).unwrap_or_default());
        let kept = &mut self.places[usize::from(place.0)];
        kept.octets.clear();
        kept.octets.reserve_exact(section.len());
        kept.octets.extend_from_slice(section);
        kept.preferences = fields.preferences;
        kept.if_none_match = fields.if_none_match.map(|value| range(section, value));
        kept.at_least = fields.at_least.map(|value| range(section, value));
    }
}

impl Section {
    #[inline]
    fn fields(&self) -> Fields<'_> {
        let value = |range: &Option<Range<usize>>| Some(&self.octets[range.clone()?]);
        Fields {
            preferences: self.preferences,
            if_none_match: value(&self.if_none_match),
            at_least: value(&self.at_least),
        }
    }
}

/// Where in `section` its part `value` is.
fn range(section: &[u8], value: &[u8]) -> Range<usize> {
    let start = value.as_ptr().addr() - section.as_ptr().addr();
    start..start + value.len()
}
