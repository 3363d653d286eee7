//! The tokens of one file.

use std::collections::HashSet;

use super::{Token, TokenFileError, TokenHash};

/// Most tokens of one file. A presented token is compared with each.
pub const TOKENS_MAX: usize = 1000;

/// Tokens, each name and each hash once.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct TokenSet {
    tokens: Vec<Token>,
}

impl TokenSet {
    /// Reads lines, each a [`Token`]; blank ones and those that begin with `#` say nothing.
    ///
    /// A file without tokens is one: nobody may write.
    ///
    /// # Errors
    /// A line is not a token, repeats a name or a hash, or there are too many.
    pub fn parse(text: &str) -> Result<Self, TokenFileError> {
        let mut tokens = Vec::new();
        let mut names = HashSet::new();
        let mut hashes = HashSet::new();
        for (line, text) in (1..).zip(text.lines()) {
            let text = text.trim();
            if text.is_empty() || text.starts_with('#') {
                continue;
            }
            if tokens.len() == TOKENS_MAX {
                return Err(TokenFileError::TooMany);
            }
            let token: Token = text
                .parse()
                .map_err(|source| TokenFileError::Line { line, source })?;
            let is_new = names.insert(token.name().to_string());
            if !is_new || !hashes.insert(token.hash().to_string()) {
                return Err(TokenFileError::Repeated { line });
            }
            tokens.push(token);
        }
        Ok(Self { tokens })
    }

    /// The token with this secret.
    ///
    /// All hashes are compared, each in constant time: neither what was guessed right nor which
    /// token it is shows in how long it takes.
    pub fn find(&self, secret: &[u8]) -> Option<&Token> {
        let hash = TokenHash::of(secret);
        self.tokens.iter().fold(None, |found, token| {
            if *token.hash() == hash {
                Some(token)
            } else {
                found
            }
        })
    }

    /// Whether the token with this hash is there and may write to this collection.
    pub fn covers(&self, hash: &TokenHash, collection: &str) -> bool {
        let mut tokens = self.tokens.iter();
        tokens.any(|token| token.hash() == hash && token.covers(collection))
    }

    /// How many there are.
    pub fn len(&self) -> usize {
        self.tokens.len()
    }

    /// Whether there are none.
    pub fn is_empty(&self) -> bool {
        self.tokens.is_empty()
    }
}
