//! Header sections read before: what a client sends with each of its requests is parsed once.
//!
//! A section is known by its octets, the empty line at its end included. Equal octets are equal
//! fields, so what parsing the first gave is what parsing the next would give; there is no second
//! reading of anything. The values of some fields may be others ([`hole`]): gateways add a new
//! `traceparent` and `X-Request-Id` to each request, and pass on those of many clients. Only sections
//! of plain requests are kept.
//!
//! A lane has [`SECTIONS_MAX`] places of [`SECTION_BYTES_MAX`] octets: 53 KiB with what they mean.
//! Connections keep nothing but the place of their last one: clients of one kind share theirs.

mod hole;

use std::{
    hash::{BuildHasher, Hasher, RandomState},
    ops::Range,
};

pub(crate) use self::hole::Alike;
use self::hole::Hole;
use super::request::{FIELDS_MAX, Fields, Plain};
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
    /// Of the section being kept. Used again with each.
    holes: Vec<Hole>,
}

/// A section and what it means.
#[derive(Debug, Default, Clone)]
struct Section {
    /// None where nothing was kept yet.
    octets: Vec<u8>,
    /// In their order.
    holes: Vec<Hole>,
    preferences: Preferences,
    if_none_match: Option<Range<usize>>,
    at_least: Option<Range<usize>>,
}

impl Sections {
    pub(crate) fn new() -> Self {
        Self {
            places: vec![Section::default(); SECTIONS_MAX].into(),
            hasher: RandomState::new(),
            holes: Vec::with_capacity(FIELDS_MAX),
        }
    }

    /// What `octets` begin with, if that is the section at `place`, and its length.
    #[inline]
    pub(crate) fn known(&self, place: Place, octets: &[u8]) -> Option<(Fields<'_>, usize)> {
        let section = &self.places[usize::from(place.0)];
        let is_same = !section.octets.is_empty() && octets.starts_with(&section.octets);
        is_same.then(|| (section.fields(), section.octets.len()))
    }

    /// What `octets` begin with, if that is the section at `place` but for its holes.
    pub(crate) fn alike<'a>(&'a self, place: Place, octets: &'a [u8]) -> Option<Alike<'a>> {
        let section = &self.places[usize::from(place.0)];
        let is_kept = !section.octets.is_empty();
        is_kept.then(|| section.alike(octets)).flatten()
    }

    /// Keeps the section of a plain request and says where. Where it is too long, nothing changes.
    pub(crate) fn keep(&mut self, section: &[u8], plain: &Plain<'_, '_>, place: &mut Place) {
        if section.len() > SECTION_BYTES_MAX {
            return;
        }
        self.holes.clear();
        let holes = plain.section.iter();
        self.holes
            .extend(holes.filter_map(|field| Hole::of(field, section)));
        let hash = self.hash(section) % SECTIONS_MAX as u64;
        *place = Place(u8::try_from(hash).unwrap_or_default());
        let kept = &mut self.places[usize::from(place.0)];
        kept.octets.clear();
        kept.octets.reserve_exact(section.len());
        kept.octets.extend_from_slice(section);
        kept.holes.clone_from(&self.holes);
        kept.preferences = plain.fields.preferences;
        kept.if_none_match = plain.fields.if_none_match.map(|it| range(section, it));
        kept.at_least = plain.fields.at_least.map(|it| range(section, it));
    }

    /// Of all but the holes, so that sections that are alike have one place.
    fn hash(&self, section: &[u8]) -> u64 {
        let mut hasher = self.hasher.build_hasher();
        let mut from = 0;
        for hole in &self.holes {
            let Range { start, end } = hole.range();
            hasher.write(&section[from..start]);
            from = end;
        }
        hasher.write(&section[from..]);
        hasher.finish()
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
