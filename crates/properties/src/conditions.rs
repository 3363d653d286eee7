//! If-Match and If-None-Match.

use http::{HeaderMap, HeaderName, HeaderValue, header};
use reader::http::conditional::is_held;
use shared::EntityTag;
use writer::fuzzing::Conditions;

use crate::lines::lines;

/// The tag of the document that is asked for, as text; inputs name it.
const TAG: &[u8; 32] = b"0123456789abcdef0123456789abcdef";

/// A reader and a writer judge the same lines of a condition, each by rules of its own.
///
/// A reader answers 304 only for what a writer takes for named, and where each line is well formed,
/// both agree. A strong match is a weak one. No tag is named that the lines do not spell. Without a
/// document, only If-None-Match holds.
pub fn conditions(octets: &[u8]) {
    let lines = lines(octets);
    let tag = EntityTag(*b"\x01\x23\x45\x67\x89\xab\xcd\xef\x01\x23\x45\x67\x89\xab\xcd\xef");
    assert_eq!(&tag.to_text(), TAG);
    let held = is_held(lines.iter().map(HeaderValue::as_bytes), tag);
    let all = lines
        .iter()
        .map(HeaderValue::as_bytes)
        .collect::<Vec<_>>()
        .join(&b'\n');
    let is_star = all
        .iter()
        .filter(|octet| !b" \t\n,".contains(octet))
        .eq(b"*");
    let is_spelt = all.windows(TAG.len()).any(|window| window == TAG);
    assert!(!held || is_star || is_spelt, "held, and not named");

    let none_match = Conditions::parse(&headers(&header::IF_NONE_MATCH, &lines));
    let matches = Conditions::parse(&headers(&header::IF_MATCH, &lines));
    assert_eq!(none_match.is_some(), matches.is_some(), "one grammar");
    let (Some(none_match), Some(matches)) = (none_match, matches) else {
        return;
    };
    let current = Some(&[tag][..]);
    let named = !none_match.if_none_match_holds(current);
    let is_given = !lines.is_empty();
    // A writer joins lines before it reads them, so a tag may begin on one and end on the next.
    let is_divided = lines.iter().any(|line| {
        let line = std::slice::from_ref(line);
        Conditions::parse(&headers(&header::IF_NONE_MATCH, line)).is_none()
    });
    assert!(
        named || !held,
        "held by the reader, and not named to the writer"
    );
    assert!(
        held || !named || is_divided,
        "named to the writer, and not held by the reader"
    );
    assert!(none_match.if_none_match_holds(None));
    assert_eq!(matches.if_match_holds(None), !is_given);
    let is_matched = matches.if_match_holds(current);
    assert!(!is_given || !is_matched || named, "strong, and not weak");
    // The other field is not there, so it holds whatever is current.
    assert!(none_match.if_match_holds(None) && matches.if_none_match_holds(current));
}

fn headers(name: &HeaderName, lines: &[HeaderValue]) -> HeaderMap {
    lines
        .iter()
        .map(|line| (name.clone(), line.clone()))
        .collect()
}
