//! Header sections are known again by all of their octets, and by nothing less.

use crate::lane::{
    request::{Fields, Front, front},
    sections::{Place, SECTION_BYTES_MAX, Sections},
};

const LINE: &str = "GET /post?id=a HTTP/1.1\r\n";
const SECTION: &str =
    "Host: x\r\nAccept-Encoding: br\r\nIf-None-Match: \"t\"\r\nPressrun-At-Least: 1.2\r\n\r\n";

/// What the parser says of a section.
fn parsed(request: &str) -> Fields<'_> {
    match front(request.as_bytes()) {
        Front::Plain(plain, len) if len == request.len() => plain.fields,
        other => panic!("{request:?}: {other:?}"),
    }
}

/// Keeps a section.
fn kept(section: &str) -> (Sections, Place) {
    let (mut sections, mut place) = (Sections::new(), Place::default());
    keep(&mut sections, section, &mut place);
    (sections, place)
}

fn keep(sections: &mut Sections, section: &str, place: &mut Place) {
    let request = format!("{LINE}{section}");
    let fields = parsed(&request);
    sections.keep(&request.as_bytes()[LINE.len()..], &fields, place);
}

fn padded(len: usize) -> String {
    let around = "Host: x\r\nX: \r\n\r\n".len();
    format!("Host: x\r\nX: {}\r\n\r\n", "x".repeat(len - around))
}

#[test]
fn section_means_what_it_meant_whatever_comes_behind_it() {
    let (sections, place) = kept(SECTION);
    let request = format!("{LINE}{SECTION}");
    for behind in ["", "GET /post?id=b", "\r\n\r\n", SECTION] {
        let octets = format!("{SECTION}{behind}");
        let known = sections.known(place, octets.as_bytes());
        assert_eq!(known, Some((parsed(&request), SECTION.len())), "{behind:?}");
    }
}

#[test]
fn section_that_differs_in_one_octet_is_not_known() {
    let (sections, place) = kept(SECTION);
    for at in 0..SECTION.len() {
        for bit in 0..8 {
            let mut octets = SECTION.as_bytes().to_vec();
            octets[at] ^= 1 << bit;
            assert_eq!(sections.known(place, &octets), None, "{at} {bit}");
        }
    }
}

#[test]
fn part_of_a_section_is_not_known() {
    let (sections, place) = kept(SECTION);
    for len in 0..SECTION.len() {
        let part = &SECTION.as_bytes()[..len];
        assert_eq!(sections.known(place, part), None, "{len}");
    }
}

#[test]
fn nothing_is_known_before_anything_was_kept() {
    let sections = Sections::new();
    for octets in ["", "\r\n", SECTION] {
        let known = sections.known(Place::default(), octets.as_bytes());
        assert_eq!(known, None, "{octets:?}");
    }
}

#[test]
fn sections_are_kept_up_to_their_limit() {
    for (len, is_kept) in [(SECTION_BYTES_MAX, true), (SECTION_BYTES_MAX + 1, false)] {
        let section = padded(len);
        let (sections, place) = kept(&section);
        let known = sections.known(place, section.as_bytes());
        assert_eq!(known.is_some(), is_kept, "{len}");
    }
}

#[test]
fn places_are_used_again() {
    let (mut sections, mut place) = (Sections::new(), Place::default());
    for number in 0..1000 {
        let section = format!("Host: {number}\r\n\r\n");
        let before = place;
        keep(&mut sections, &section, &mut place);
        let known = sections.known(place, section.as_bytes());
        assert_eq!(known.map(|(_fields, len)| len), Some(section.len()));
        // What was there before, if this is its place, is known no more; nor is this elsewhere.
        if before != place {
            assert_eq!(sections.known(before, section.as_bytes()), None);
        }
    }
}
