//! Accept-Encoding.

use http::HeaderValue;
use reader::http::negotiate::{Preferences, negotiate};
use shared::ContentCoding;

use crate::lines::lines;

/// Representations that a document may have, each with its length: the shortest is not always
/// one that is coded.
const OFFERS: [&[(ContentCoding, usize)]; 3] = [
    &[(ContentCoding::Identity, 1000)],
    &[
        (ContentCoding::Identity, 1000),
        (ContentCoding::Gzip, 400),
        (ContentCoding::Brotli, 300),
        (ContentCoding::Zstd, 350),
    ],
    &[(ContentCoding::Identity, 10), (ContentCoding::Gzip, 40)],
];

/// Lines of Accept-Encoding are read as RFC 9110 §12.5.3 says, told here another way.
///
/// What is chosen is acceptable, wanted most and shortest, or identity; and how a list is spread
/// over lines, spelt or ordered changes nothing.
pub fn negotiation(octets: &[u8]) {
    let lines = lines(octets);
    let lines: Vec<&[u8]> = lines.iter().map(HeaderValue::as_bytes).collect();
    let preferences = Preferences::parse(lines.iter().copied());
    for coding in ContentCoding::ALL {
        let expected = weight(&lines, coding);
        assert_eq!(preferences.weight(coding), expected, "{coding:?}");
    }
    assert_eq!(preferences, Preferences::parse([&*lines.join(&b',')]));
    let list = lines.join(&b',').to_ascii_uppercase();
    let mut members: Vec<&[u8]> = list.split(|&octet| octet == b',').collect();
    members.reverse();
    assert_eq!(
        preferences,
        Preferences::parse([&*members.join(&b", "[..])])
    );
    for offers in OFFERS {
        choose(&preferences, offers);
    }
}

fn choose(preferences: &Preferences, offers: &[(ContentCoding, usize)]) {
    let chosen = negotiate(preferences, offers.iter(), |offer| **offer);
    let &(coding, len) = chosen.expect("there are offers");
    let weight = preferences.weight(coding);
    assert!(
        weight > 0 || coding == ContentCoding::Identity,
        "{coding:?} is excluded"
    );
    for &(other, other_len) in offers {
        let other_weight = preferences.weight(other);
        assert!(
            other_weight <= weight,
            "{other:?} is wanted more than {coding:?}"
        );
        let is_shorter = other_weight == weight && weight > 0 && other_len < len;
        assert!(!is_shorter, "{other:?} is shorter than {coding:?}");
    }
}

/// How much a coding is wanted, in thousandths.
fn weight(lines: &[&[u8]], coding: ContentCoding) -> u16 {
    let members = || {
        lines
            .iter()
            .flat_map(|line| line.split(|&octet| octet == b','))
    };
    let lowest = |is_meant: &dyn Fn(&str) -> bool| {
        members()
            .filter_map(member)
            .filter(|(name, _)| is_meant(name))
            .map(|(_, weight)| weight)
            .min()
    };
    lowest(&|name| names(name, coding))
        .or_else(|| lowest(&|name| name == "*"))
        .unwrap_or_else(|| u16::from(coding == ContentCoding::Identity))
}

fn names(name: &str, coding: ContentCoding) -> bool {
    // RFC 9110 §8.4.1.3: x-gzip is gzip.
    name == coding.token() || (name == "x-gzip" && coding == ContentCoding::Gzip)
}

/// A member that is well formed: its name in lower case and its weight in thousandths.
fn member(member: &[u8]) -> Option<(String, u16)> {
    const SPACE: [char; 2] = [' ', '\t'];
    let text = str::from_utf8(member).ok()?.to_ascii_lowercase();
    let (name, number) = match text.split_once(';') {
        None => (&*text, "1"),
        Some((name, parameter)) => (name, parameter.trim_matches(SPACE).strip_prefix("q=")?),
    };
    let (whole, decimals) = number.split_once('.').unwrap_or((number, ""));
    let digits = format!("{whole}{decimals:0<3}");
    let is_spelt = whole.len() == 1 && decimals.len() <= 3;
    let is_number = digits.bytes().all(|octet| octet.is_ascii_digit());
    let weight = digits.parse().ok().filter(|weight| *weight <= 1000)?;
    (is_spelt && is_number).then(|| (name.trim_matches(SPACE).to_owned(), weight))
}
