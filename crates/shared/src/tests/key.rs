use xxhash_rust::xxh3::xxh3_64;

use crate::{
    KeyError, ResourceKey,
    key::{bucket_of, check_collection},
    limits::{COLLECTION_BYTES_MAX, ID_BYTES_MAX},
};

#[test]
fn ids_have_rules() {
    let longest = "é".repeat(ID_BYTES_MAX / 2);
    let too_long = format!("{longest}x");
    for (id, expected) in [
        ("a", None),
        ("a/b c?d#e&f=g%2F", None),
        ("...", None),
        (".a", None),
        ("💡", None),
        ("\u{2028}", None),
        (&longest, None),
        ("", Some(KeyError::IdEmpty)),
        (".", Some(KeyError::IdDots)),
        ("..", Some(KeyError::IdDots)),
        (&too_long, Some(KeyError::IdTooLong(ID_BYTES_MAX + 1))),
        ("a\0", Some(KeyError::IdControl)),
        ("a\nb", Some(KeyError::IdControl)),
        ("\u{7f}", Some(KeyError::IdControl)),
        ("\u{85}", Some(KeyError::IdControl)),
    ] {
        assert_eq!(ResourceKey::parse("posts", id).err(), expected, "{id:?}");
    }
}

#[test]
fn collections_have_rules() {
    let longest = "c".repeat(COLLECTION_BYTES_MAX);
    for (collection, good) in [
        ("posts", true),
        ("a", true),
        ("a-b_c9", true),
        (&longest, true),
        (&format!("{longest}c"), false),
        ("", false),
        ("9a", false),
        ("-a", false),
        ("_a", false),
        ("Posts", false),
        ("po sts", false),
        ("po/sts", false),
        ("pösts", false),
    ] {
        assert_eq!(check_collection(collection).is_ok(), good, "{collection:?}");
        assert_eq!(
            ResourceKey::parse(collection, "a").is_ok(),
            good,
            "{collection:?}"
        );
    }
}

#[test]
fn a_key_is_its_text() {
    let key = ResourceKey::parse("posts", "a/b").unwrap();
    assert_eq!(
        (key.collection(), key.id(), key.as_str()),
        ("posts", "a/b", "posts/a/b")
    );
    assert_eq!(key.to_string(), "posts/a/b");
    assert_eq!(format!("{key:?}"), "\"posts/a/b\"");
    assert_eq!(ResourceKey::from_text("posts/a/b"), Ok(key.clone()));
    assert!(key < ResourceKey::parse("posts", "a/c").unwrap());
    for text in ["posts", "/a", "posts/", "Posts/a", ""] {
        assert!(ResourceKey::from_text(text).is_err(), "{text:?}");
    }
}

/// Writers and readers of every version must agree on them: these never change.
#[test]
fn buckets_are_part_of_the_wire() {
    // The hash is XXH3-64 indeed: this is its published value for no octets.
    assert_eq!(xxh3_64(b""), 0x2d06_8005_38d3_94c2);
    for (text, of_16, of_1024, of_2_to_the_31) in BUCKETS {
        assert_eq!(bucket_of(text, 1), 0, "{text}");
        assert_eq!(bucket_of(text, 16), of_16, "{text}");
        assert_eq!(bucket_of(text, 1024), of_1024, "{text}");
        assert_eq!(bucket_of(text, 1 << 31), of_2_to_the_31, "{text}");
        let key = ResourceKey::from_text(text).unwrap();
        assert_eq!(key.bucket(1024), of_1024, "{text}");
    }
}

const BUCKETS: [(&str, u32, u32, u32); 4] = [
    ("posts/1", 0, 944, 756_268_976),
    ("posts/2", 7, 887, 1_559_075_703),
    ("products/äpfel", 1, 913, 1_890_374_545),
    ("a/b/c", 7, 359, 511_845_735),
];
