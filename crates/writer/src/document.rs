//! What a valid document body is.
//!
//! [`parse`] turns the octets of a request into a [`Body`], the only way to come by one; from
//! there on nobody checks again. A body is minified JSON in one spelling per string:
//!
//! - insignificant white space is removed (RFC 8259 §2);
//! - members keep their order and numbers their spelling, octet for octet: `1.0` stays `1.0`, and
//!   an integer that no double holds keeps all its digits;
//! - strings are written in their shortest form: every escape that JSON does not demand becomes
//!   the character itself. Equal strings have equal octets, so writing the same document from
//!   two libraries makes no second version, and non-ASCII text costs readers no `\u00e9`.
//!
//! Refused although it is JSON, because systems disagree on its meaning or the database cannot
//! hold it: a name twice in one object (RFC 8259 §4), U+0000, lone surrogates (§8.2), nesting
//! deeper than [`DEPTH_MAX`], anything but an object at the top.
//!
//! Why not serde: its numbers are `i64`, `u64` or `f64` unless a feature changes them for the
//! whole build, its `RawValue` keeps white space and looks at no string, and a lone surrogate is
//! a syntax error to it. One pass over the octets, with a stack of our own instead of recursion,
//! holds all the rules; tests hold it against `serde_json`.

mod minify;
mod post;
mod text;

use bytes::Bytes;
use shared::{KeyError, ResourceKey, limits::BODY_BYTES_MAX};

pub use post::{AUTHOR_BYTES_MAX, POSTS, TITLE_BYTES_MAX, parse_post};

/// How deep objects and arrays may nest; the document itself is depth 1. Deeper ones are refused.
pub const DEPTH_MAX: usize = 64;

/// A valid document: minified JSON, an object, UTF-8, at most [`BODY_BYTES_MAX`] octets.
///
/// Cheap to clone.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Body(Bytes);

impl Body {
    /// The octets, which are also those of the identity representation.
    pub fn octets(&self) -> &Bytes {
        &self.0
    }

    /// The octets.
    pub fn into_octets(self) -> Bytes {
        self.0
    }
}

/// Why octets are not a valid document. Positions count octets of the request from 0.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum BodyError {
    /// More than [`BODY_BYTES_MAX`] octets, as sent or as stored.
    #[error("a document has at most {BODY_BYTES_MAX} octets")]
    TooLarge,
    /// Not UTF-8 (RFC 8259 §8.1).
    #[error("the body is not UTF-8 at octet {at}")]
    NotUtf8 {
        /// Where the first octet stands that is not.
        at: usize,
    },
    /// Not JSON.
    #[error("the body is not JSON at octet {at}: {expected} expected")]
    Malformed {
        /// Where.
        at: usize,
        /// What should stand there.
        expected: &'static str,
    },
    /// JSON, but not an object.
    #[error("a document is a JSON object")]
    NotAnObject,
    /// An object has two members of one name.
    #[error("the name {name} at octet {at} occurs twice in its object")]
    DuplicateName {
        /// Where the second one stands.
        at: usize,
        /// The name as JSON, cut after some octets.
        name: String,
    },
    /// A string has U+0000, which the database cannot hold.
    #[error("U+0000 at octet {at}: strings cannot have it")]
    Nul {
        /// Where.
        at: usize,
    },
    /// A string has half of a surrogate pair, which no UTF-8 text can hold.
    #[error("lone surrogate at octet {at}")]
    LoneSurrogate {
        /// Where its escape stands.
        at: usize,
    },
    /// Objects and arrays nest deeper than [`DEPTH_MAX`].
    #[error("nested deeper than {DEPTH_MAX} at octet {at}")]
    TooDeep {
        /// Where the first bracket too many stands.
        at: usize,
    },
    /// A post has a member that posts do not have.
    #[error("a post has the members id, title, content and author, not {0}")]
    UnknownMember(String),
    /// A post lacks a member.
    #[error("a post needs the member {0}")]
    MissingMember(&'static str),
    /// A post's member is not a string.
    #[error("{0} is not a string")]
    NotAString(&'static str),
    /// A post's member is too long.
    #[error("{member} has {len} octets of UTF-8; at most {max} are allowed")]
    MemberTooLong {
        /// Which one.
        member: &'static str,
        /// Its length.
        len: usize,
        /// Its limit.
        max: usize,
    },
    /// A post's id cannot be one.
    #[error("invalid id: {0}")]
    Id(KeyError),
    /// A post's id is not the one of its URL.
    #[error("the member id, if given, is the id in the URL")]
    OtherId,
}

/// The body of the document `key`. In the collection [`POSTS`] it obeys the schema of posts, see
/// [`parse_post`], and its member `id`, if given, is the key's.
///
/// Costs one pass over the octets, and sorting the names of each object.
///
/// # Errors
/// The first rule that is broken.
pub fn parse(key: &ResourceKey, content: &[u8]) -> Result<Body, BodyError> {
    if key.collection() == POSTS {
        return post::parse_post_at(key, content);
    }
    checked(content).map(|octets| Body(octets.into()))
}

/// Minified octets within the limit.
fn checked(content: &[u8]) -> Result<Vec<u8>, BodyError> {
    // The output never has more octets than the input, so one check bounds both.
    if content.len() > BODY_BYTES_MAX {
        return Err(BodyError::TooLarge);
    }
    minify::minify(content)
}
