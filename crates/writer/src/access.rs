//! Who may write: bearer tokens (RFC 6750), known here by their hashes alone.
//!
//! A token is a secret that nobody can guess, so its hash needs no salt and no slow function: there
//! is no list of likely secrets to try. [`TokenSet`] is what a file says, [`TokenFile`] keeps up
//! with it, [`Access`] is what the public plane asks.

mod counters;
mod file;
mod scope;
mod set;
mod token;

use std::sync::Arc;

pub use counters::AccessCounters;
pub use file::{FILE_BYTES_MAX, LOOK_INTERVAL, TokenFile, TokenFileError};
pub use scope::{Scope, ScopeError};
pub use set::{TOKENS_MAX, TokenSet};
pub use token::{NAME_BYTES_MAX, SCOPES_MAX, Token, TokenError, TokenHash};

/// Whether writes need a token.
#[derive(Debug, Clone)]
pub enum Access {
    /// Anybody who reaches the public plane may write.
    Open,
    /// Only who shows a token of this file.
    Tokens(Arc<TokenFile>),
}
