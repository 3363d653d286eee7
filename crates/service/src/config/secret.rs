//! Values that must not show up in logs.

use std::fmt;

/// A text that prints as `***`.
#[derive(Clone, PartialEq, Eq)]
pub struct Secret(String);

impl Secret {
    /// Wraps a text.
    pub fn new(text: impl Into<String>) -> Self {
        Self(text.into())
    }

    /// The text itself: for whom it is meant, never for a message.
    pub fn expose(&self) -> &str {
        &self.0
    }
}

impl fmt::Debug for Secret {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("***")
    }
}

/// A URL that prints without its user, password, query and fragment.
#[derive(Clone, PartialEq, Eq)]
pub struct RedactedUrl(String);

impl RedactedUrl {
    /// Wraps a URL.
    pub fn new(url: impl Into<String>) -> Self {
        Self(url.into())
    }

    /// The whole URL: to connect with, never for a message.
    pub fn expose(&self) -> &str {
        &self.0
    }
}

impl fmt::Display for RedactedUrl {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Some((scheme, rest)) = self.0.split_once("://") else {
            return f.write_str("***");
        };
        let (shown, cut) = match rest.find(['?', '#']) {
            Some(end) => (&rest[..end], &rest[end..]),
            None => (rest, ""),
        };
        // A password written without percent-encoding may hold "/", "?" and "#", and then the last
        // "@" is where the host begins: nothing before it is shown. Behind a "?" it may as well be
        // part of a query, and then nothing at all is.
        if cut.contains('@') {
            return write!(f, "{scheme}://***");
        }
        let (hidden, shown) = match shown.rsplit_once('@') {
            Some((_, after)) => ("***@", after),
            None => ("", shown),
        };
        let cut = if cut.is_empty() { "" } else { "?***" };
        write!(f, "{scheme}://{hidden}{shown}{cut}")
    }
}

impl fmt::Debug for RedactedUrl {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}
