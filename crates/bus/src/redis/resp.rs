//! What Redis answers on the wire (RESP2), found in the octets without copying them.
//!
//! For reads of whole snapshots only: there the library's parser, which makes a value of its own of
//! each field, takes longer than everything else. It is a function of its arguments.

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

/// The strings of an array of strings, in order; `None` for those that are absent.
///
/// # Errors
/// The answer is something else.
pub(crate) fn strings(answer: &Bytes) -> Result<Strings<'_>, Malformed> {
    match element(answer, 0)? {
        Some((Element::Array(left), at)) => Ok(Strings { answer, at, left }),
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
