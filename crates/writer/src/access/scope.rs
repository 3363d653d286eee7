//! What a token is good for.

use std::{fmt, str::FromStr};

use shared::ResourceKey;

/// Where a token may write: `COLLECTION:write`, `PREFIX*:write` or `*:write`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Scope {
    /// A collection's name or how it begins.
    name: String,
    /// Whether collections count that only begin with the name.
    is_prefix: bool,
}

/// Why a text is no scope. It never repeats the text.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum ScopeError {
    /// What may be done there is not `write`.
    #[error("a scope ends in :write")]
    Permission,
    /// Not a collection, the beginning of one with a `*`, or a `*` alone.
    #[error("a scope names a collection, how collections begin and a *, or * alone")]
    Collection,
}

/// What a scope ends in: there is nothing else to be allowed, reads being open.
const WRITE: &str = ":write";

impl Scope {
    /// Whether it covers writes to this collection.
    pub fn covers(&self, collection: &str) -> bool {
        if self.is_prefix {
            collection.starts_with(&self.name)
        } else {
            collection == self.name
        }
    }
}

impl FromStr for Scope {
    type Err = ScopeError;

    fn from_str(text: &str) -> Result<Self, ScopeError> {
        let where_to = text.strip_suffix(WRITE).ok_or(ScopeError::Permission)?;
        let (name, is_prefix) = match where_to.strip_suffix('*') {
            Some(prefix) => (prefix, true),
            None => (where_to, false),
        };
        // How a collection's name may begin is a name that one could have.
        let is_all = name.is_empty() && is_prefix;
        if !is_all && ResourceKey::parse(name, "any").is_err() {
            return Err(ScopeError::Collection);
        }
        Ok(Self {
            name: name.to_owned(),
            is_prefix,
        })
    }
}

impl fmt::Display for Scope {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let star = if self.is_prefix { "*" } else { "" };
        write!(f, "{}{star}{WRITE}", self.name)
    }
}
