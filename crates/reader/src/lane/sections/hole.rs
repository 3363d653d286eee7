//! Holes: values of a known section in whose place others may stand.
//!
//! A field that means nothing to a plain request may have any value, and so may those that are read
//! where they stand: `traceparent`, `If-None-Match` and `Pressrun-At-Least`. Everything around a hole
//! is compared octet for octet: names, their order, white space and the ends of lines. What fills
//! one is visible ASCII and spaces, which no parser takes for anything but more of the value (RFC
//! 9110 §5.5); it ends where the octets behind the hole begin, and those begin with the end of its
//! line. So the parser would find the same fields. Anything else it may take, tabs and obs-text, is
//! left to it.

use std::ops::Range;

use httparse::Header;

use super::{Section, range};
use crate::lane::request::{Field, Fields};

/// Octets that are compared at once.
const STEP: usize = 16;

/// Where a value stands, and what it is for.
#[derive(Debug, Clone, Copy)]
pub(super) struct Hole {
    start: u16,
    end: u16,
    field: Field,
}

impl Hole {
    /// The hole that the value of `field` leaves in its section.
    pub(super) fn of(field: &Header<'_>, section: &[u8]) -> Option<Self> {
        let kind = Field::of(field.name);
        match kind {
            // What these say is remembered, or required.
            Field::Host | Field::AcceptEncoding | Field::Connection | Field::Framing => None,
            Field::Ignored | Field::Traceparent | Field::IfNoneMatch | Field::AtLeast => {
                let Range { start, end } = range(section, field.value);
                Some(Self {
                    start: u16::try_from(start).ok()?,
                    end: u16::try_from(end).ok()?,
                    field: kind,
                })
            }
        }
    }

    pub(super) fn range(self) -> Range<usize> {
        self.start.into()..self.end.into()
    }
}

/// A section that is one kept before but for what is in its holes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Alike<'a> {
    pub(crate) fields: Fields<'a>,
    /// Octets of it.
    pub(crate) len: usize,
    /// Where it is another than that of the section kept.
    pub(crate) traceparent: Option<&'a [u8]>,
}

impl Section {
    /// What `octets` begin with, if that is this section but for its holes.
    pub(super) fn alike<'a>(&'a self, octets: &'a [u8]) -> Option<Alike<'a>> {
        let mut fields = self.fields();
        let mut traceparent = None;
        let mut holes = self.holes.iter();
        // How far both are the same, or in the same hole.
        let (mut kept, mut at) = (0, 0);
        loop {
            let same = same_len(&self.octets[kept..], &octets[at..]);
            (kept, at) = (kept + same, at + same);
            if kept == self.octets.len() {
                return Some(Alike {
                    fields,
                    len: at,
                    traceparent,
                });
            }
            // A value may be longer than the one kept, and so differ from what is behind it.
            let hole = holes.find(|hole| kept <= usize::from(hole.end))?;
            let of_value = kept.checked_sub(hole.start.into())?;
            let start = at - of_value;
            at += value_len(&octets[at..]);
            kept = hole.end.into();
            let slot = match hole.field {
                Field::Traceparent => &mut traceparent,
                Field::IfNoneMatch => &mut fields.if_none_match,
                Field::AtLeast => &mut fields.at_least,
                _ => continue,
            };
            // Without the white space around it, as the parser gives it.
            *slot = Some(octets[start..at].trim_ascii());
        }
    }
}

/// How many octets at the front of both are the same.
fn same_len(one: &[u8], other: &[u8]) -> usize {
    let steps = one.as_chunks::<STEP>().0.iter();
    let steps = steps.zip(other.as_chunks::<STEP>().0);
    let mut len = 0;
    for (one, other) in steps {
        let differing = u128::from_le_bytes(*one) ^ u128::from_le_bytes(*other);
        if differing != 0 {
            return len + (differing.trailing_zeros() / u8::BITS) as usize;
        }
        len += STEP;
    }
    let rest = one[len..].iter().zip(&other[len..]);
    len + rest.take_while(|(one, other)| one == other).count()
}

/// How many octets at the front may stand in a value.
fn value_len(octets: &[u8]) -> usize {
    let is_of_value = |octet: &u8| matches!(octet, b' '..=b'~');
    let steps = octets.as_chunks::<STEP>().0.iter();
    // Without a branch for each octet of a step.
    let whole = steps.take_while(|step| step.iter().fold(true, |all, it| all & is_of_value(it)));
    let len = STEP * whole.count();
    let rest = octets[len..].iter();
    len + rest.take_while(|octet| is_of_value(octet)).count()
}
