//! Content codings (RFC 9110 §8.4.1).

/// A content coding that a representation may bear.
///
/// The discriminants are part of the wire format and never change.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
#[repr(u8)]
pub enum ContentCoding {
    /// The octets as they are; never named in Content-Encoding.
    Identity = 0,
    /// RFC 1952.
    Gzip = 1,
    /// RFC 7932; its token is `br`.
    Brotli = 2,
    /// RFC 8878, with a window of at most 8 MiB (RFC 9659).
    Zstd = 3,
}

impl ContentCoding {
    /// Every coding, identity first.
    pub const ALL: [Self; 4] = [Self::Identity, Self::Gzip, Self::Brotli, Self::Zstd];

    /// The name used in Accept-Encoding and Content-Encoding.
    pub const fn token(self) -> &'static str {
        match self {
            Self::Identity => "identity",
            Self::Gzip => "gzip",
            Self::Brotli => "br",
            Self::Zstd => "zstd",
        }
    }

    /// The coding of a token, in any case (RFC 9110 §8.4.1). `x-gzip` means gzip (§8.4.1.3).
    pub fn from_token(token: &[u8]) -> Option<Self> {
        if token.eq_ignore_ascii_case(b"x-gzip") {
            return Some(Self::Gzip);
        }
        Self::ALL
            .into_iter()
            .find(|coding| token.eq_ignore_ascii_case(coding.token().as_bytes()))
    }

    /// The coding of a wire discriminant.
    pub const fn from_wire(octet: u8) -> Option<Self> {
        match octet {
            0 => Some(Self::Identity),
            1 => Some(Self::Gzip),
            2 => Some(Self::Brotli),
            3 => Some(Self::Zstd),
            _ => None,
        }
    }
}
