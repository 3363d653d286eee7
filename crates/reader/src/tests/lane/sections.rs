//! Header sections are known again by all of their octets but the values of some fields.

use crate::lane::{
    request::{Front, Room, front},
    sections::{Alike, Place, SECTION_BYTES_MAX, Sections},
};

const LINE: &str = "GET /post?id=a HTTP/1.1\r\n";
const SECTION: &str =
    "Host: x\r\nAccept-Encoding: br\r\nIf-None-Match: \"t\"\r\nPressrun-At-Least: 1.2\r\n\r\n";

/// What the parser says of a section, if it is one of a plain request.
fn parsed<'a>(request: &'a [u8], room: &mut Room<'a>) -> Option<Alike<'a>> {
    match front(request, room) {
        Front::Plain(plain, len) => Some(Alike {
            fields: plain.fields,
            len: len - LINE.len(),
            traceparent: plain.traceparent,
        }),
        Front::Partial | Front::Other => None,
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
    match front(request.as_bytes(), &mut Room::new()) {
        Front::Plain(plain, len) if len == request.len() => {
            sections.keep(&request.as_bytes()[LINE.len()..], &plain, place);
        }
        other => panic!("{request:?}: {other:?}"),
    }
}

/// Holds what is known of octets against the parser, and says whether anything is.
fn is_known(sections: &Sections, place: Place, section: &[u8]) -> bool {
    let same = sections.known(place, section).map(|(fields, len)| Alike {
        fields,
        len,
        traceparent: None,
    });
    let alike = sections.alike(place, section);
    // What is the same is alike too.
    assert!(same.is_none() || same == alike, "{same:?} {alike:?}");
    let Some(known) = alike else {
        return false;
    };
    let request = [LINE.as_bytes(), section].concat();
    let mut room = Room::new();
    let expected = parsed(&request, &mut room).expect("it is plain");
    let told = known.traceparent.is_some();
    let expected = Alike {
        traceparent: expected.traceparent.filter(|_| told),
        ..expected
    };
    assert_eq!(known, expected, "{:?}", String::from_utf8_lossy(section));
    true
}

fn padded(len: usize) -> String {
    let around = "Host: x\r\nX: \r\n\r\n".len();
    format!("Host: x\r\nX: {}\r\n\r\n", "x".repeat(len - around))
}

#[test]
fn section_means_what_it_meant_whatever_comes_behind_it() {
    let (sections, place) = kept(SECTION);
    for behind in ["", "GET /post?id=b", "\r\n\r\n", SECTION] {
        let octets = format!("{SECTION}{behind}");
        assert!(is_known(&sections, place, octets.as_bytes()), "{behind:?}");
    }
}

#[test]
fn section_that_differs_in_one_octet_is_known_if_that_is_visible_and_of_a_value() {
    let (sections, place) = kept(SECTION);
    let values = ["\"t\"", "1.2"].map(|value| {
        let at = SECTION.find(value).unwrap();
        at..at + value.len()
    });
    for at in 0..SECTION.len() {
        for octet in 0..=u8::MAX {
            let mut octets = SECTION.as_bytes().to_vec();
            let same = std::mem::replace(&mut octets[at], octet) == octet;
            let of_value = values.iter().any(|value| value.contains(&at));
            let expected = same || of_value && matches!(octet, b' '..=b'~');
            assert_eq!(
                is_known(&sections, place, &octets),
                expected,
                "{at} {octet}"
            );
        }
    }
}

#[test]
fn values_may_be_others_shorter_and_longer() {
    let gateway = |id: &str, trace: &str, tag: &str, more: &str| {
        format!(
            "Host: x\r\nX-Request-Id: {id}\r\nAccept-Encoding: br\r\n\
             If-None-Match: {tag}\r\n{more}traceparent: {trace}\r\n\r\n"
        )
    };
    let long = "x".repeat(1000);
    let values = [
        "a",
        "aa",
        "ab",
        "",
        "a b",
        "  a  ",
        "0123456789abcdef",
        &long,
    ];
    // White space around a value is none of it.
    for was in values.map(str::trim_ascii) {
        let (sections, place) = kept(&gateway(was, "t", "\"t\"", ""));
        let keeps = was.len() < SECTION_BYTES_MAX;
        for is in values {
            for trace in values {
                let section = gateway(is, trace, "\"t\"", "");
                assert_eq!(
                    is_known(&sections, place, section.as_bytes()),
                    keeps,
                    "{section:?}"
                );
                let section = gateway("a", trace, is, "");
                assert_eq!(
                    is_known(&sections, place, section.as_bytes()),
                    keeps,
                    "{section:?}"
                );
                let section = gateway(is, trace, "\"t\"", "X: y\r\n");
                assert!(
                    !is_known(&sections, place, section.as_bytes()),
                    "{section:?}"
                );
            }
        }
    }
}

#[test]
fn what_ends_or_folds_a_value_is_not_of_it() {
    let (sections, place) = kept("Host: x\r\nX-Request-Id: abc\r\nX: d\r\n\r\n");
    for value in [
        "\r",
        "\n",
        "\0",
        "\t",
        "\u{7f}",
        "ä",
        "abc\r",
        "abc\n",
        "abc\r\r",
        "abc\0",
        "abcd\0e",
        "abc\r\nContent-Length: 5",
        "abc\nContent-Length: 5",
        "abc\r\nX-Request-Id: abc",
        "abc\r\n folded",
        "abc\r\n\tfolded",
        "ab\r\n c",
        "abc\r\n",
        "abc\r\n\r\n",
        "a\r\nb: c",
    ] {
        let section = format!("Host: x\r\nX-Request-Id: {value}\r\nX: d\r\n\r\n");
        assert!(!is_known(&sections, place, section.as_bytes()), "{value:?}");
    }
}

#[test]
fn host_coding_and_connection_must_be_the_same() {
    let section = "Host: x\r\nAccept-Encoding: br\r\nConnection: keep-alive\r\n\r\n";
    let (sections, place) = kept(section);
    for (was, is) in [("x", "y"), ("br", "gzip"), ("keep-alive", "close")] {
        let other = section.replace(was, is);
        assert!(!is_known(&sections, place, other.as_bytes()), "{is}");
    }
}

#[test]
fn traceparent_is_told_where_it_is_another() {
    let section = |flags| format!("Host: x\r\ntraceparent: 00-a-b-{flags}\r\n\r\n");
    let (sections, place) = kept(&section("00"));
    for (flags, told) in [("00", None), ("01", Some(&b"00-a-b-01"[..]))] {
        let section = section(flags);
        let known = sections.alike(place, section.as_bytes()).unwrap();
        assert_eq!(known.traceparent, told);
    }
}

#[test]
fn part_of_a_section_is_not_known() {
    let (sections, place) = kept(SECTION);
    for len in 0..SECTION.len() {
        let part = &SECTION.as_bytes()[..len];
        assert!(!is_known(&sections, place, part), "{len}");
    }
}

#[test]
fn nothing_is_known_before_anything_was_kept() {
    let sections = Sections::new();
    for octets in ["", "\r\n", SECTION] {
        let known = is_known(&sections, Place::default(), octets.as_bytes());
        assert!(!known, "{octets:?}");
    }
}

#[test]
fn sections_are_kept_up_to_their_limit() {
    for (len, is_kept) in [(SECTION_BYTES_MAX, true), (SECTION_BYTES_MAX + 1, false)] {
        let section = padded(len);
        let (sections, place) = kept(&section);
        let known = is_known(&sections, place, section.as_bytes());
        assert_eq!(known, is_kept, "{len}");
    }
}

#[test]
fn places_are_used_again() {
    let (mut sections, mut place) = (Sections::new(), Place::default());
    for number in 0..1000 {
        let section = format!("Host: {number}\r\n\r\n");
        let before = place;
        keep(&mut sections, &section, &mut place);
        assert!(is_known(&sections, place, section.as_bytes()));
        // What was there before, if this is its place, is known no more; nor is this elsewhere.
        if before != place {
            assert!(!is_known(&sections, before, section.as_bytes()));
        }
    }
}

#[test]
fn sections_that_are_alike_have_one_place() {
    let (mut sections, mut place) = (Sections::new(), Place::default());
    let places = (0..100).map(|number| {
        keep(
            &mut sections,
            &format!("Host: x\r\nX-Request-Id: {number}\r\n\r\n"),
            &mut place,
        );
        place
    });
    let places: Vec<Place> = places.collect();
    assert!(places.iter().all(|one| *one == places[0]), "{places:?}");
}
