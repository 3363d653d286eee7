//! Request targets to resource keys.

use std::borrow::Cow;

use percent_encoding::{AsciiSet, NON_ALPHANUMERIC, percent_decode, utf8_percent_encode};
use shared::{ResourceKey, key::check_key, limits::ID_BYTES_MAX};

use crate::{Kind, Problem};

/// What stands for itself in a path segment (RFC 3986 §2.3, unreserved characters).
const UNRESERVED: &AsciiSet = &NON_ALPHANUMERIC
    .remove(b'-')
    .remove(b'.')
    .remove(b'_')
    .remove(b'~');

/// The path of a document, `/v1/{collection}/{id}`: what [`key_from_path`] reads.
pub fn path_of(key: &ResourceKey) -> String {
    let id = utf8_percent_encode(key.id(), UNRESERVED);
    format!("/v1/{}/{id}", key.collection())
}

/// Collection and id, decoded and checked; borrowed from the URL where nothing was to be decoded.
pub type Parts<'a> = (Cow<'a, str>, Cow<'a, str>);

/// The key of `/v1/{collection}/{id}`, both segments as they stand in the URL.
///
/// # Errors
/// As [`path_parts`].
pub fn key_from_path(collection: &str, id: &str) -> Result<ResourceKey, Problem> {
    key(&path_parts(collection, id)?)
}

/// The key of `/post?id=`.
///
/// # Errors
/// As [`post_parts`].
pub fn post_from_query(query: Option<&str>) -> Result<ResourceKey, Problem> {
    key(&post_parts(query)?)
}

/// The parts of the key of `/v1/{collection}/{id}`, both segments as they stand in the URL.
///
/// # Errors
/// 400 where a segment is not valid percent-encoded UTF-8 or breaks a rule of
/// [`ResourceKey::parse`].
pub fn path_parts<'a>(collection: &'a str, id: &'a str) -> Result<Parts<'a>, Problem> {
    let collection = decode(Cow::Borrowed(collection))?;
    checked(collection, decode(Cow::Borrowed(id))?)
}

/// The parts of the key of `/post?id=`: one `id` parameter, decoded as a form does (`+` is a
/// space). Other parameters are ignored.
///
/// # Errors
/// 400 where `id` is missing, repeated, or not a valid id.
pub fn post_parts(query: Option<&str>) -> Result<Parts<'_>, Problem> {
    if let Some(parts) = query.and_then(|query| query.strip_prefix("id=").and_then(plain_post)) {
        return Ok(parts);
    }
    let mut ids = query.unwrap_or_default().split('&').filter_map(|pair| {
        let (name, value) = pair.split_once('=').unwrap_or((pair, ""));
        (name == "id").then_some(value)
    });
    let id = ids
        .next()
        .ok_or_else(|| malformed("the query needs an id: /post?id=..."))?;
    if ids.next().is_some() {
        return Err(malformed("the query has more than one id"));
    }
    let spaced = if id.contains('+') {
        Cow::Owned(id.replace('+', " "))
    } else {
        Cow::Borrowed(id)
    };
    checked(Cow::Borrowed("posts"), decode(spaced)?)
}

/// The parts of the key of a post whose id is all that follows `/post?id=`.
///
/// Only where the id is of characters that stand for themselves, as most are: then there is nothing
/// to decode, and no rule to break but its length's and the dots'. `None`: [`post_parts`] has to
/// tell.
pub fn plain_post(id: &str) -> Option<Parts<'_>> {
    let is_plain = (1..=ID_BYTES_MAX).contains(&id.len())
        && id.bytes().all(|octet| IS_UNRESERVED[usize::from(octet)])
        && id != "."
        && id != "..";
    is_plain.then_some((Cow::Borrowed("posts"), Cow::Borrowed(id)))
}

/// Which octets stand for themselves wherever they are: unreserved characters (RFC 3986 §2.3).
pub const IS_UNRESERVED: [bool; 256] = {
    let mut table = [false; 256];
    let mut octet = 0;
    while octet < 128_u8 {
        table[octet as usize] =
            octet.is_ascii_alphanumeric() || matches!(octet, b'-' | b'.' | b'_' | b'~');
        octet += 1;
    }
    table
};

fn checked<'a>(collection: Cow<'a, str>, id: Cow<'a, str>) -> Result<Parts<'a>, Problem> {
    match check_key(&collection, &id) {
        Ok(_collection_len) => Ok((collection, id)),
        Err(error) => Err(malformed(&error.to_string())),
    }
}

fn key((collection, id): &Parts<'_>) -> Result<ResourceKey, Problem> {
    ResourceKey::parse(collection, id).map_err(|error| malformed(&error.to_string()))
}

/// Decodes once; a `%` must begin an octet in hexadecimal (RFC 3986 §2.1).
fn decode(text: Cow<'_, str>) -> Result<Cow<'_, str>, Problem> {
    let octets = text.as_bytes();
    if !octets.contains(&b'%') {
        return Ok(text);
    }
    let whole = octets.iter().enumerate().all(|(index, &octet)| {
        octet != b'%'
            || octets
                .get(index + 1..index + 3)
                .is_some_and(|digits| digits.iter().all(u8::is_ascii_hexdigit))
    });
    if !whole {
        return Err(malformed("a % in the URL does not begin an encoded octet"));
    }
    match percent_decode(octets).decode_utf8() {
        Ok(decoded) => Ok(Cow::Owned(decoded.into_owned())),
        Err(_utf8) => Err(malformed("the URL does not decode to UTF-8")),
    }
}

fn malformed(detail: &str) -> Problem {
    Problem::new(Kind::MalformedRequest, detail)
}
