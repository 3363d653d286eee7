//! Cache-Control, and how long caches may keep a document that expires.

use bytes::Bytes;
use http::HeaderValue;

/// A configured Cache-Control, taken apart once.
///
/// Documents that expire get it with every lifetime in it cut to what remains of theirs, and
/// without leave to serve them stale (RFC 5861), so that no cache serves one after its expiry. Where it
/// gives a cache no lifetime to go by, it gets that one.
#[derive(Debug, Clone)]
pub struct CacheControl {
    field: HeaderValue,
    /// What a document that expires bears instead; empty where that is the same.
    directives: Box<[Directive]>,
}

#[derive(Debug, Clone)]
enum Directive {
    /// As it was written.
    Kept(Box<str>),
    /// `max-age` or `s-maxage`, with its seconds.
    Lifetime(&'static str, u64),
}

impl From<HeaderValue> for CacheControl {
    fn from(field: HeaderValue) -> Self {
        let directives = field.to_str().unwrap_or_default().split(',').map(str::trim);
        let count = directives.clone().count();
        let mut parsed: Vec<_> = directives.filter_map(Directive::parse).collect();
        let is_bounded = parsed.iter().any(|directive| match directive {
            Directive::Lifetime(name, _) => *name == MAX_AGE,
            Directive::Kept(text) => ["no-cache", "no-store"]
                .iter()
                .any(|name| text.eq_ignore_ascii_case(name)),
        });
        if !is_bounded {
            parsed.push(Directive::Lifetime(MAX_AGE, u64::MAX));
        }
        let is_kept = |directive: &Directive| matches!(directive, Directive::Kept(_));
        if parsed.len() == count && parsed.iter().all(is_kept) {
            parsed.clear();
        }
        Self {
            field,
            directives: parsed.into_boxed_slice(),
        }
    }
}

const MAX_AGE: &str = "max-age";
const S_MAXAGE: &str = "s-maxage";

impl Directive {
    /// `None` for what a document that expires must not bear.
    fn parse(text: &str) -> Option<Self> {
        let (name, value) = text.split_once('=').unwrap_or((text, ""));
        if name.eq_ignore_ascii_case("stale-while-revalidate")
            || name.eq_ignore_ascii_case("stale-if-error")
            || text.is_empty()
        {
            return None;
        }
        let lifetime = [MAX_AGE, S_MAXAGE]
            .into_iter()
            .find(|known| name.eq_ignore_ascii_case(known));
        Some(match lifetime {
            // RFC 9111 §1.2.2: what is too large counts as infinite; what is no number, as stale.
            Some(name) => {
                let digits = value.trim_matches('"');
                let is_number =
                    !digits.is_empty() && digits.bytes().all(|one| one.is_ascii_digit());
                let seconds = digits
                    .parse()
                    .unwrap_or(if is_number { u64::MAX } else { 0 });
                Self::Lifetime(name, seconds)
            }
            None => Self::Kept(text.into()),
        })
    }
}

impl CacheControl {
    /// What documents bear that do not expire. A reference count.
    pub fn field(&self) -> HeaderValue {
        self.field.clone()
    }

    /// What documents bear that do not expire, as it is sent.
    pub fn as_bytes(&self) -> &[u8] {
        self.field.as_bytes()
    }

    /// What a document bears that expires in so many seconds. Formats and allocates where that
    /// matters.
    pub fn field_for(&self, remaining_seconds: u64) -> HeaderValue {
        if self.directives.is_empty() {
            return self.field();
        }
        let mut text = String::with_capacity(self.field.len() + 24);
        for directive in &self.directives {
            if !text.is_empty() {
                text.push_str(", ");
            }
            match directive {
                Directive::Kept(kept) => text.push_str(kept),
                Directive::Lifetime(name, seconds) => {
                    text.push_str(name);
                    text.push('=');
                    text.push_str(&remaining_seconds.min(*seconds).to_string());
                }
            }
        }
        // Made of parts of a valid field, digits and separators.
        HeaderValue::from_maybe_shared(Bytes::from(text))
            .unwrap_or_else(|_never| self.field.clone())
    }
}
