//! The request line that most reads have, read without a parser.
//!
//! `GET`, a document's path in characters that stand for themselves, no query but that of
//! `/post?id=`, HTTP/1.1. Every other line is [`front`](super::request::front)'s, which would
//! read these alike.

use service::target::IS_UNRESERVED;
use shared::{key::check_collection, limits::ID_BYTES_MAX};

/// Such a line.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct UsualLine<'a> {
    pub(crate) collection: &'a [u8],
    pub(crate) id: &'a [u8],
    /// Octets of the line, its end included.
    pub(crate) len: usize,
}

const POST: &[u8; 13] = b"GET /post?id=";
const DOCUMENT: &[u8; 8] = b"GET /v1/";
const END: &[u8; 11] = b" HTTP/1.1\r\n";

/// The line at the front of `octets`, if it is whole and such a line.
#[inline]
pub(crate) fn usual(octets: &[u8]) -> Option<UsualLine<'_>> {
    let (collection, id_at) = if octets.starts_with(POST) {
        (&b"posts"[..], POST.len())
    } else {
        let collection = collection(octets.strip_prefix(DOCUMENT)?)?;
        (collection, DOCUMENT.len() + collection.len() + 1)
    };
    let rest = &octets[id_at..];
    let id_len = unreserved_len(rest);
    let (id, rest) = rest.split_at(id_len);
    let is_id = (1..=ID_BYTES_MAX).contains(&id_len) && id != b"." && id != b"..";
    (is_id && rest.starts_with(END)).then_some(UsualLine {
        collection,
        id,
        len: id_at + id_len + END.len(),
    })
}

/// How many octets at the front are unreserved characters; by fours, which is less work for each.
fn unreserved_len(octets: &[u8]) -> usize {
    let is_unreserved = |octet: &u8| IS_UNRESERVED[usize::from(*octet)];
    let fours = octets.as_chunks::<4>().0.iter();
    let whole = 4 * fours
        .take_while(|four| four.iter().all(is_unreserved))
        .count();
    let rest = octets[whole..].iter();
    whole + rest.take_while(|octet| is_unreserved(octet)).count()
}

fn collection(path: &[u8]) -> Option<&[u8]> {
    let len = path.iter().position(|&octet| octet == b'/')?;
    let name = &path[..len];
    check_collection(str::from_utf8(name).ok()?).ok()?;
    Some(name)
}
