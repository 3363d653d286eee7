use crate::{
    EntityTag,
    entity_tag::{ListMember, ListedTag, list_members},
};

const fn strong(opaque: &[u8]) -> ListMember<'_> {
    ListMember::Tag(ListedTag {
        weak: false,
        opaque,
    })
}

const fn weak(opaque: &[u8]) -> ListMember<'_> {
    ListMember::Tag(ListedTag { weak: true, opaque })
}

#[test]
fn lists_are_read_as_rfc_9110_writes_them() {
    use ListMember::{Any, Malformed};
    let table: &[(&str, &[ListMember<'_>])] = &[
        ("", &[]),
        (" , ,\t,", &[]),
        ("*", &[Any]),
        (" * ", &[Any]),
        ("\"a\"", &[strong(b"a")]),
        ("\"\"", &[strong(b"")]),
        ("W/\"a\"", &[weak(b"a")]),
        (
            "\"a\", W/\"b\",\"c\"",
            &[strong(b"a"), weak(b"b"), strong(b"c")],
        ),
        (",\"a\" ,, \"b\"\t,", &[strong(b"a"), strong(b"b")]),
        // A comma between quotes divides nothing; a backslash escapes nothing.
        ("\"a,b\", \"c\\\"", &[strong(b"a,b"), strong(b"c\\")]),
        ("\"ä\"", &[strong("ä".as_bytes())]),
        ("\"!#~\"", &[strong(b"!#~")]),
        ("\"a\", *", &[strong(b"a"), Any]),
        ("a", &[Malformed]),
        ("\"a", &[Malformed]),
        ("a\"", &[Malformed]),
        ("w/\"a\"", &[Malformed]),
        ("W/ \"a\"", &[Malformed]),
        ("W/", &[Malformed]),
        ("W/*", &[Malformed]),
        ("**", &[Malformed]),
        ("*\"a\"", &[Malformed]),
        ("\"a b\"", &[Malformed]),
        ("\"a\u{7f}\"", &[Malformed]),
        ("\"a\" \"b\"", &[Malformed]),
        ("\"a\"\"b\"", &[Malformed]),
        // What stands before the malformed member still counts; nothing behind it does.
        ("\"a\", b, \"c\"", &[strong(b"a"), Malformed]),
    ];
    for (field, expected) in table {
        let members: Vec<ListMember<'_>> = list_members(field.as_bytes()).collect();
        assert_eq!(members, *expected, "{field:?}");
    }
}

#[test]
fn tags_are_compared_weakly_and_strongly() {
    let tag = EntityTag::of(b"octets");
    let field = tag.to_field();
    let opaque = &field[1..field.len() - 1];
    for (listed, weakly, strongly) in [
        (
            ListedTag {
                weak: false,
                opaque,
            },
            true,
            true,
        ),
        (ListedTag { weak: true, opaque }, true, false),
        (
            ListedTag {
                weak: false,
                opaque: &opaque[1..],
            },
            false,
            false,
        ),
        (
            ListedTag {
                weak: false,
                opaque: b"",
            },
            false,
            false,
        ),
    ] {
        assert_eq!(tag.matches_weakly(&listed), weakly, "{listed:?}");
        assert_eq!(tag.matches_strongly(&listed), strongly, "{listed:?}");
    }
    // Tags are octets: upper case is another tag.
    let loud = opaque.to_ascii_uppercase();
    assert!(!tag.matches_weakly(&ListedTag {
        weak: false,
        opaque: &loud
    }));
}

#[test]
fn a_tag_is_blake3_and_never_changes() {
    // The first half of the hash of no octets, from the BLAKE3 paper's test vectors.
    let tag = EntityTag::of(b"");
    assert_eq!(tag.to_string(), "\"af1349b9f5f9a1a6a0404dea36dcc949\"");
    assert_eq!(format!("{tag:?}"), tag.to_string());
    assert_ne!(EntityTag::of(b"a"), EntityTag::of(b"b"));
}

#[test]
fn every_octet_is_written_as_two_digits() {
    for octet in 0..=u8::MAX {
        let mut tag = EntityTag([0xa9; 16]);
        for at in 0..16 {
            tag.0[at] = octet.wrapping_add(u8::try_from(at).unwrap());
        }
        let digits = format!("{:032x}", u128::from_be_bytes(tag.0));
        assert_eq!(tag.to_text(), digits.as_bytes());
        assert_eq!(tag.to_string(), format!("\"{digits}\""));
    }
}
