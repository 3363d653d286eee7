//! Entity tags (RFC 9110 §8.8.3) and the lists that preconditions send.

use std::fmt;

/// Octets of a tag's hash: 128 bits of blake3.
pub const TAG_BYTES: usize = 16;

/// Octets of a tag's text: hexadecimal digits.
pub const TAG_TEXT_BYTES: usize = 2 * TAG_BYTES;

/// Octets of a tag as a header field writes it: its text between quotes.
pub const TAG_FIELD_BYTES: usize = TAG_TEXT_BYTES + 2;

/// A strong entity tag: the first 128 bits of blake3 over one representation's octets.
///
/// Equal tags mean equal octets, so one tag names exactly one representation.
#[derive(Clone, Copy, PartialEq, Eq, Hash)]
pub struct EntityTag(pub [u8; TAG_BYTES]);

impl EntityTag {
    /// The tag of these octets. Costs one pass of blake3 over them.
    pub fn of(octets: &[u8]) -> Self {
        let mut tag = [0; TAG_BYTES];
        tag.copy_from_slice(&blake3::hash(octets).as_bytes()[..TAG_BYTES]);
        Self(tag)
    }

    /// The tag's text. A read computes it, so this is written for the processor to do all digits at
    /// once.
    #[inline]
    pub fn to_text(self) -> [u8; TAG_TEXT_BYTES] {
        let digit = |half: u8| half + b'0' + if half > 9 { b'a' - b'9' - 1 } else { 0 };
        let mut text = [0; TAG_TEXT_BYTES];
        let (pairs, _none_left) = text.as_chunks_mut::<2>();
        for (pair, octet) in pairs.iter_mut().zip(self.0) {
            *pair = [digit(octet >> 4), digit(octet & 15)];
        }
        text
    }

    /// The tag as a header field writes it, quotes included.
    #[inline]
    pub fn to_field(self) -> [u8; TAG_FIELD_BYTES] {
        let mut field = [b'"'; TAG_FIELD_BYTES];
        field[1..=TAG_TEXT_BYTES].copy_from_slice(&self.to_text());
        field
    }

    /// Whether a listed tag names this one, by weak comparison (RFC 9110 §8.8.3.2).
    pub fn matches_weakly(self, listed: &ListedTag<'_>) -> bool {
        listed.opaque == self.to_text()
    }

    /// Whether a listed tag names this one, by strong comparison (RFC 9110 §8.8.3.2).
    pub fn matches_strongly(self, listed: &ListedTag<'_>) -> bool {
        !listed.weak && self.matches_weakly(listed)
    }
}

impl fmt::Display for EntityTag {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&String::from_utf8_lossy(&self.to_field()))
    }
}

impl fmt::Debug for EntityTag {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

/// One entity tag as a client listed it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct ListedTag<'a> {
    /// Whether it was prefixed by `W/`.
    pub weak: bool,
    /// The octets between the quotes.
    pub opaque: &'a [u8],
}

/// One member of an If-Match or If-None-Match field.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum ListMember<'a> {
    /// `*`: any current representation.
    Any,
    /// An entity tag.
    Tag(ListedTag<'a>),
    /// Octets that are neither; the iteration ends with it.
    Malformed,
}

/// Iterates over the members of one If-Match or If-None-Match field value (RFC 9110 §13.1.1-2).
///
/// Empty members are skipped (§5.6.1.2). Allocates nothing.
pub fn list_members(field: &[u8]) -> ListMembers<'_> {
    ListMembers { rest: field }
}

/// The iterator of [`list_members`].
#[derive(Debug, Clone)]
pub struct ListMembers<'a> {
    rest: &'a [u8],
}

impl<'a> Iterator for ListMembers<'a> {
    type Item = ListMember<'a>;

    fn next(&mut self) -> Option<Self::Item> {
        let start = self
            .rest
            .iter()
            .position(|octet| !matches!(octet, b' ' | b'\t' | b','))?;
        let (member, rest) = split_member(&self.rest[start..]);
        self.rest = rest;
        Some(member)
    }
}

fn split_member(text: &[u8]) -> (ListMember<'_>, &[u8]) {
    let malformed = (ListMember::Malformed, &text[text.len()..]);
    if let Some(rest) = text.strip_prefix(b"*") {
        return match end_of_member(rest) {
            Some(rest) => (ListMember::Any, rest),
            None => malformed,
        };
    }
    let (weak, quoted) = match text.strip_prefix(b"W/") {
        Some(quoted) => (true, quoted),
        None => (false, text),
    };
    let Some(inner) = quoted.strip_prefix(b"\"") else {
        return malformed;
    };
    let Some(close) = inner.iter().position(|&octet| octet == b'"') else {
        return malformed;
    };
    let (opaque, rest) = (&inner[..close], &inner[close + 1..]);
    match end_of_member(rest) {
        Some(rest) if opaque.iter().copied().all(is_etagc) => {
            (ListMember::Tag(ListedTag { weak, opaque }), rest)
        }
        _ => malformed,
    }
}

/// What follows a member: optional white space, then a comma or the end.
fn end_of_member(text: &[u8]) -> Option<&[u8]> {
    let trimmed = text.trim_ascii_start();
    match trimmed.first() {
        None => Some(trimmed),
        Some(b',') => Some(&trimmed[1..]),
        Some(_) => None,
    }
}

/// RFC 9110 §8.8.3: `etagc = %x21 / %x23-7E / obs-text`.
fn is_etagc(octet: u8) -> bool {
    matches!(octet, 0x21 | 0x23..=0x7e | 0x80..)
}
