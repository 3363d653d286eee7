//! The schema of posts, the collection that comes with the system.
//!
//! A post is `{"id","title","content","author"}`, all strings, stored with all four members in
//! that order whatever order they were sent in. The id is part of the stored document, because
//! whoever reads a post by its id, or finds one in a list, expects it there. So the same post has
//! the same octets, and the same entity tag, whichever route wrote it.

use std::collections::BTreeMap;

use serde::Serialize;
use serde_json::value::RawValue;
use shared::{ResourceKey, limits::BODY_BYTES_MAX};

use super::{Body, BodyError, checked, minify::shown};

/// The collection whose documents are posts.
pub const POSTS: &str = "posts";

/// Upper bound on a post's title, in octets of UTF-8. Longer ones are refused.
pub const TITLE_BYTES_MAX: usize = 1024;

/// Upper bound on the name of a post's author, in octets of UTF-8. Longer ones are refused.
pub const AUTHOR_BYTES_MAX: usize = 256;

/// What is stored, in this order.
#[derive(Serialize)]
struct Post<'a> {
    id: &'a str,
    title: String,
    content: String,
    author: String,
}

/// A post that names its own id, or takes the one that `new_id` makes.
///
/// # Errors
/// The body is not a valid document or not a valid post.
pub fn parse_post(
    content: &[u8],
    new_id: impl FnOnce() -> String,
) -> Result<(ResourceKey, Body), BodyError> {
    let octets = checked(content)?;
    let mut members = members(&octets)?;
    let id = match take(&mut members, "id")? {
        Some(id) => id,
        None => new_id(),
    };
    let key = ResourceKey::parse(POSTS, &id).map_err(BodyError::Id)?;
    let body = write(&key, members)?;
    Ok((key, body))
}

/// A post whose key is known.
pub(super) fn parse_post_at(key: &ResourceKey, content: &[u8]) -> Result<Body, BodyError> {
    let octets = checked(content)?;
    let mut members = members(&octets)?;
    match take(&mut members, "id")? {
        Some(id) if id != key.id() => Err(BodyError::OtherId),
        _ => write(key, members),
    }
}

type Members<'a> = BTreeMap<String, &'a RawValue>;

fn members(octets: &[u8]) -> Result<Members<'_>, BodyError> {
    // Cannot fail: the octets came out of the minifier.
    serde_json::from_slice(octets).or(Err(BodyError::NotAnObject))
}

/// The members but for the id, as the document to store.
fn write(key: &ResourceKey, mut members: Members<'_>) -> Result<Body, BodyError> {
    let post = Post {
        id: key.id(),
        title: required(&mut members, "title", TITLE_BYTES_MAX)?,
        content: required(&mut members, "content", BODY_BYTES_MAX)?,
        author: required(&mut members, "author", AUTHOR_BYTES_MAX)?,
    };
    if let Some(name) = members.keys().next() {
        return Err(BodyError::UnknownMember(shown(name.as_bytes())));
    }
    // Cannot fail: four strings, into memory.
    let octets = serde_json::to_vec(&post).or(Err(BodyError::NotAnObject))?;
    if octets.len() > BODY_BYTES_MAX {
        return Err(BodyError::TooLarge);
    }
    Ok(Body(octets.into()))
}

fn required(
    members: &mut Members<'_>,
    member: &'static str,
    max: usize,
) -> Result<String, BodyError> {
    let text = take(members, member)?.ok_or(BodyError::MissingMember(member))?;
    match text.len() {
        len if len > max => Err(BodyError::MemberTooLong { member, len, max }),
        _ => Ok(text),
    }
}

fn take(members: &mut Members<'_>, member: &'static str) -> Result<Option<String>, BodyError> {
    let Some(value) = members.remove(member) else {
        return Ok(None);
    };
    serde_json::from_str(value.get())
        .map(Some)
        .or(Err(BodyError::NotAString(member)))
}
