//! One token, as a line of the file has it.

use std::{fmt, str::FromStr, sync::Arc};

use super::{Scope, ScopeError};

/// Upper bound on a token's name, in octets. Longer ones are refused.
pub const NAME_BYTES_MAX: usize = 64;

/// Most scopes of one token. More are refused.
pub const SCOPES_MAX: usize = 64;

/// The blake3 hash of a secret. Two are compared in a time that tells nothing of either.
#[derive(Clone, Copy, PartialEq, Eq)]
pub struct TokenHash(blake3::Hash);

/// Who may write where. Reads from a line and writes itself as one: `NAME SCOPE[,SCOPE..] HASH`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Token {
    name: Arc<str>,
    scopes: Vec<Scope>,
    hash: TokenHash,
}

/// Why a line is no token. It never repeats the line, which may hold a secret by mistake.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum TokenError {
    /// Not three parts.
    #[error("a line is NAME SCOPE[,SCOPE..] blake3:HASH")]
    Parts,
    /// Not a name.
    #[error("a name has 1 to {NAME_BYTES_MAX} of a-z, A-Z, 0-9, _, . and -")]
    Name,
    /// A scope is none.
    #[error(transparent)]
    Scope(#[from] ScopeError),
    /// More scopes than one token may have.
    #[error("a token has at most {SCOPES_MAX} scopes")]
    TooManyScopes,
    /// Not a hash.
    #[error("a hash is blake3: and 64 hexadecimal digits")]
    Hash,
}

/// What a hash's text begins with.
const ALGORITHM: &str = "blake3:";

impl TokenHash {
    /// The hash of a secret.
    pub fn of(secret: &[u8]) -> Self {
        Self(blake3::hash(secret))
    }
}

impl FromStr for TokenHash {
    type Err = TokenError;

    fn from_str(text: &str) -> Result<Self, TokenError> {
        let digits = text.strip_prefix(ALGORITHM).ok_or(TokenError::Hash)?;
        let hash = blake3::Hash::from_hex(digits).or(Err(TokenError::Hash))?;
        Ok(Self(hash))
    }
}

impl fmt::Display for TokenHash {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{ALGORITHM}{}", self.0.to_hex())
    }
}

impl fmt::Debug for TokenHash {
    // A hash is no secret, but it has no place in a log either.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("***")
    }
}

impl Token {
    /// A token for who bears the secret with this hash.
    ///
    /// # Errors
    /// The name is not one, or there are no scopes, or too many.
    pub fn new(name: &str, scopes: Vec<Scope>, hash: TokenHash) -> Result<Self, TokenError> {
        let is_allowed =
            |octet: u8| octet.is_ascii_alphanumeric() || matches!(octet, b'_' | b'.' | b'-');
        if name.is_empty() || name.len() > NAME_BYTES_MAX || !name.bytes().all(is_allowed) {
            return Err(TokenError::Name);
        }
        if scopes.is_empty() {
            return Err(TokenError::Parts);
        }
        if scopes.len() > SCOPES_MAX {
            return Err(TokenError::TooManyScopes);
        }
        Ok(Self {
            name: name.into(),
            scopes,
            hash,
        })
    }

    /// Its name, which may be told to anybody.
    pub fn name(&self) -> &Arc<str> {
        &self.name
    }

    /// The hash of its secret.
    pub fn hash(&self) -> &TokenHash {
        &self.hash
    }

    /// Whether who bears it may write to this collection.
    pub fn covers(&self, collection: &str) -> bool {
        self.scopes.iter().any(|scope| scope.covers(collection))
    }
}

impl FromStr for Token {
    type Err = TokenError;

    fn from_str(line: &str) -> Result<Self, TokenError> {
        let mut parts = line.split_whitespace();
        let (Some(name), Some(scopes), Some(hash), None) =
            (parts.next(), parts.next(), parts.next(), parts.next())
        else {
            return Err(TokenError::Parts);
        };
        let scopes: Result<Vec<Scope>, ScopeError> = scopes.split(',').map(str::parse).collect();
        Self::new(name, scopes?, hash.parse()?)
    }
}

impl fmt::Display for Token {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let scopes: Vec<String> = self.scopes.iter().map(Scope::to_string).collect();
        write!(f, "{} {} {}", self.name, scopes.join(","), self.hash)
    }
}
