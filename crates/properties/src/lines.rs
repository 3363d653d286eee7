//! Header lines out of octets.

/// What divides one line of a field from the next.
const DIVIDER: u8 = b'\n';

/// The values of a field's lines: those that a header can bear, without white space around them,
/// as any parser of HTTP gives them.
pub(crate) fn lines(octets: &[u8]) -> Vec<http::HeaderValue> {
    octets
        .split(|&octet| octet == DIVIDER)
        .filter_map(|line| http::HeaderValue::from_bytes(line.trim_ascii()).ok())
        .collect()
}
