//! Which content codings documents are rendered in.

use std::{fmt, str::FromStr};

use shared::ContentCoding;

/// A set of content codings beside identity, which is always there.
///
/// Written as tokens with commas, e.g. `br,gzip,zstd` (the default of the setting `CODINGS`); an
/// empty text means identity alone. Order and repetition do not matter.
#[derive(Clone, Copy, PartialEq, Eq)]
pub struct Codings {
    // Invariant: identity's bit is never set.
    bits: u8,
}

/// A text that is not a list of content codings.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{0:?} is no content coding; br, gzip and zstd are")]
pub struct CodingsError(String);

impl Codings {
    /// Identity alone.
    pub const NONE: Self = Self { bits: 0 };

    /// All of them.
    pub const ALL: Self = Self {
        bits: bit(ContentCoding::Gzip) | bit(ContentCoding::Brotli) | bit(ContentCoding::Zstd),
    };

    /// The codings, in one fixed order.
    pub fn iter(self) -> impl Iterator<Item = ContentCoding> {
        let codings = ContentCoding::ALL.into_iter();
        codings.filter(move |coding| self.bits & bit(*coding) != 0)
    }
}

const fn bit(coding: ContentCoding) -> u8 {
    1 << coding as u8
}

impl FromStr for Codings {
    type Err = CodingsError;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let mut codings = Self::NONE;
        let tokens = text.split(',').map(str::trim);
        for token in tokens.filter(|token| !token.is_empty()) {
            match ContentCoding::from_token(token.as_bytes()) {
                Some(ContentCoding::Identity) => {}
                Some(coding) => codings.bits |= bit(coding),
                None => return Err(CodingsError(token.to_owned())),
            }
        }
        Ok(codings)
    }
}

impl fmt::Display for Codings {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let tokens: Vec<_> = self.iter().map(ContentCoding::token).collect();
        f.write_str(&tokens.join(","))
    }
}

impl fmt::Debug for Codings {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Codings({self})")
    }
}
