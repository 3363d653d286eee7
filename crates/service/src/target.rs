//! Request targets to resource keys.

use std::borrow::Cow;

use percent_encoding::{AsciiSet, NON_ALPHANUMERIC, percent_decode, utf8_percent_encode};
use shared::ResourceKey;

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

/// The key of `/v1/{collection}/{id}`, both segments as they stand in the URL.
///
/// # Errors
/// 400 where a segment is not valid percent-encoded UTF-8 or breaks a rule of
/// [`ResourceKey::parse`].
pub fn key_from_path(collection: &str, id: &str) -> Result<ResourceKey, Problem> {
    let collection = decode(collection.as_bytes())?;
    let id = decode(id.as_bytes())?;
    parse(&collection, &id)
}

/// The key of `/post?id=`: one `id` parameter, decoded as a form does (`+` is a space). Other
/// parameters are ignored.
///
/// # Errors
/// 400 where `id` is missing, repeated, or not a valid id.
pub fn post_from_query(query: Option<&str>) -> Result<ResourceKey, Problem> {
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
    let spaced = id.replace('+', " ");
    parse("posts", &decode(spaced.as_bytes())?)
}

fn parse(collection: &str, id: &str) -> Result<ResourceKey, Problem> {
    ResourceKey::parse(collection, id).map_err(|error| malformed(&error.to_string()))
}

/// Decodes once; a `%` must begin an octet in hexadecimal (RFC 3986 §2.1).
fn decode(text: &[u8]) -> Result<Cow<'_, str>, Problem> {
    let whole = text.iter().enumerate().all(|(index, &octet)| {
        octet != b'%'
            || text
                .get(index + 1..index + 3)
                .is_some_and(|digits| digits.iter().all(u8::is_ascii_hexdigit))
    });
    if !whole {
        return Err(malformed("a % in the URL does not begin an encoded octet"));
    }
    percent_decode(text)
        .decode_utf8()
        .map_err(|_utf8| malformed("the URL does not decode to UTF-8"))
}

fn malformed(detail: &str) -> Problem {
    Problem::new(Kind::MalformedRequest, detail)
}
