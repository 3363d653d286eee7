//! What Redis answers on the wire (RESP2), found in the octets without copying them.
//!
//! For reads of whole snapshots only: there the library's parser, which makes a value of its own of
//! each field, takes longer than everything else. And a hash may be far larger than what its reader
//! has room for, so [`Pairs`] divides it while it comes. It is a function of its arguments.

use std::ops::Range;

use bytes::Bytes;

/// Octets of a line that says a type and a number.
const LINE_BYTES_MAX: usize = 512 * 1024;

/// Largest string that Redis holds, in octets (`proto-max-bulk-len`).
const BULK_BYTES_MAX: u64 = 512 * 1024 * 1024;

/// Elements of an array, at most.
const ELEMENTS_MAX: u64 = 1 << 32;

/// The octets are no answer.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Malformed;

/// Finds the end of an answer that is still coming.
#[derive(Debug, Clone)]
pub(crate) struct Scan {
    /// Up to where elements are accounted for; beyond what has come, if one is being awaited.
    at: usize,
    /// Elements that are still to begin.
    left: u64,
}

impl Scan {
    pub(crate) fn new() -> Self {
        Self { at: 0, left: 1 }
    }

    /// Where the answer at the beginning of `octets` ends; `None` while it is not whole. To be
    /// called again with more octets, the same ones first.
    pub(crate) fn end(&mut self, octets: &[u8]) -> Result<Option<usize>, Malformed> {
        while self.left > 0 {
            let Some((element, next)) = element(octets, self.at)? else {
                return Ok(None);
            };
            self.left -= 1;
            self.at = match element {
                Element::Line | Element::Nil => next,
                Element::Bulk(len) => next + len + 2,
                Element::Array(len) => {
                    self.left = self.left.checked_add(len).ok_or(Malformed)?;
                    next
                }
            };
        }
        Ok((self.at <= octets.len()).then_some(self.at))
    }

    /// Octets that are missing at least, beyond `len`.
    pub(crate) fn missing(&self, len: usize) -> usize {
        self.at.saturating_sub(len)
    }
}

/// What begins with some octets.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Beginning {
    /// An array of so many elements, of which the first begins there.
    Array(u64, usize),
    /// Anything else.
    Other,
}

/// What the answer is that begins with `octets`; `None` while its first line is not whole.
pub(crate) fn beginning(octets: &[u8]) -> Result<Option<Beginning>, Malformed> {
    Ok(element(octets, 0)?.map(|(element, next)| match element {
        Element::Array(len) => Beginning::Array(len, next),
        Element::Line | Element::Nil | Element::Bulk(_) => Beginning::Other,
    }))
}

/// Divides an array of strings in pairs, as a hash is given, into parts of whole pairs while it is
/// still coming.
#[derive(Debug, Clone)]
pub(crate) struct Pairs {
    /// Strings that are still to come, those of the part under way not among them.
    left: u64,
    /// Strings of the part under way that have come whole, and where they end.
    strings: u64,
    at: usize,
    /// Where the next one ends, once that is known.
    needed: usize,
    part_bytes: usize,
}

/// Whole pairs that follow one another.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Part {
    /// Their octets, from the first that no part before it had.
    pub(crate) len: usize,
    /// How many strings that is.
    pub(crate) strings: u64,
    /// Whether the array ends with it.
    pub(crate) is_last: bool,
}

impl Pairs {
    /// Of an array of so many strings. A part ends with the first pair that brings it to
    /// `part_bytes`, so it has less than that and one pair.
    pub(crate) fn new(strings: u64, part_bytes: usize) -> Result<Self, Malformed> {
        if !strings.is_multiple_of(2) {
            return Err(Malformed);
        }
        Ok(Self {
            left: strings,
            strings: 0,
            at: 0,
            needed: 0,
            part_bytes,
        })
    }

    /// The next part, which begins with `octets`; `None` while it is not whole. To be called again
    /// with more octets, the same ones first; after a part, with those that follow it.
    pub(crate) fn part(&mut self, octets: &[u8]) -> Result<Option<Part>, Malformed> {
        while self.left > 0 && (!self.strings.is_multiple_of(2) || self.at < self.part_bytes) {
            let Some((element, next)) = element(octets, self.at)? else {
                return Ok(None);
            };
            self.needed = match element {
                Element::Nil => next,
                Element::Bulk(len) => next + len + 2,
                Element::Line | Element::Array(_) => return Err(Malformed),
            };
            if octets.len() < self.needed {
                return Ok(None);
            }
            self.at = self.needed;
            self.strings += 1;
            self.left -= 1;
        }
        let part = Part {
            len: self.at,
            strings: self.strings,
            is_last: self.left == 0,
        };
        (self.strings, self.at, self.needed) = (0, 0, 0);
        Ok(Some(part))
    }

    /// Octets that are missing at least, beyond `len`.
    pub(crate) fn missing(&self, len: usize) -> usize {
        self.needed.saturating_sub(len)
    }
}

/// The strings of an array of strings, in order; `None` for those that are absent.
///
/// # Errors
/// The answer is something else.
pub(crate) fn strings(answer: &Bytes) -> Result<Strings<'_>, Malformed> {
    match beginning(answer)? {
        Some(Beginning::Array(left, at)) => Ok(Strings { answer, at, left }),
        _ => Err(Malformed),
    }
}

/// See [`strings`]. Ends after the first error.
#[derive(Debug)]
pub(crate) struct Strings<'a> {
    answer: &'a Bytes,
    at: usize,
    left: u64,
}

impl<'a> Strings<'a> {
    /// So many strings, one after the other.
    pub(crate) fn of(part: &'a Bytes, strings: u64) -> Self {
        Self {
            answer: part,
            at: 0,
            left: strings,
        }
    }
}

impl Iterator for Strings<'_> {
    type Item = Result<Option<Range<usize>>, Malformed>;

    fn next(&mut self) -> Option<Self::Item> {
        self.left = self.left.checked_sub(1)?;
        let string = self.string();
        if string.is_err() {
            self.left = 0;
        }
        Some(string)
    }
}

impl Strings<'_> {
    fn string(&mut self) -> Result<Option<Range<usize>>, Malformed> {
        let (found, start) = element(self.answer, self.at)?.ok_or(Malformed)?;
        match found {
            Element::Nil => {
                self.at = start;
                Ok(None)
            }
            Element::Bulk(len) if start + len + 2 <= self.answer.len() => {
                self.at = start + len + 2;
                Ok(Some(start..start + len))
            }
            _ => Err(Malformed),
        }
    }
}

enum Element {
    /// A word, an error or a number: all of it is its line.
    Line,
    Nil,
    /// So many octets follow, and the end of a line.
    Bulk(usize),
    /// So many elements follow.
    Array(u64),
}

/// The element that begins at `at`, and where its first line ends; `None` while that line is not
/// whole.
fn element(octets: &[u8], at: usize) -> Result<Option<(Element, usize)>, Malformed> {
    let Some(rest) = octets.get(at..).filter(|rest| !rest.is_empty()) else {
        return Ok(None);
    };
    let Some(end) = rest.iter().position(|&octet| octet == b'\n') else {
        return if rest.len() < LINE_BYTES_MAX {
            Ok(None)
        } else {
            Err(Malformed)
        };
    };
    let line = rest[1..end.max(1)].strip_suffix(b"\r").ok_or(Malformed)?;
    let element = match rest[0] {
        b'+' | b'-' | b':' => Element::Line,
        b'$' | b'*' if line == b"-1" => Element::Nil,
        b'$' => {
            let len = number(line).filter(|&len| len <= BULK_BYTES_MAX);
            let len = len.and_then(|len| usize::try_from(len).ok());
            Element::Bulk(len.ok_or(Malformed)?)
        }
        b'*' => Element::Array(
            number(line)
                .filter(|&len| len <= ELEMENTS_MAX)
                .ok_or(Malformed)?,
        ),
        _ => return Err(Malformed),
    };
    Ok(Some((element, at + end + 1)))
}

/// 1 to 10 digits.
fn number(digits: &[u8]) -> Option<u64> {
    if digits.is_empty() || digits.len() > 10 {
        return None;
    }
    digits.iter().try_fold(0, |number, digit| {
        let value = digit.wrapping_sub(b'0');
        (value < 10).then_some(number * 10 + u64::from(value))
    })
}
