//! Request targets to keys, as tables.

use shared::limits::ID_BYTES_MAX;

use crate::{
    Kind, Problem,
    target::{key_from_path, plain_post, post_from_query, post_parts},
};

fn check(result: Result<shared::ResourceKey, Problem>, expected: Option<&str>, what: &str) {
    match (result, expected) {
        (Ok(key), Some(text)) => assert_eq!(key.as_str(), text, "{what}"),
        (Err(problem), None) => assert_eq!(problem.kind(), Kind::MalformedRequest, "{what}"),
        (result, _) => panic!("{what}: {result:?}, expected {expected:?}"),
    }
}

#[test]
fn paths_are_decoded_once() {
    for (collection, id, expected) in [
        ("posts", "a", Some("posts/a")),
        ("posts", "a%2Fb", Some("posts/a/b")),
        ("posts", "a+b", Some("posts/a+b")),
        ("posts", "a%20b", Some("posts/a b")),
        ("posts", "%C3%A4", Some("posts/ä")),
        ("posts", "%c3%a4", Some("posts/ä")),
        ("posts", "100%2525", Some("posts/100%25")),
        ("%70osts", "a", Some("posts/a")),
        ("posts", "", None),
        ("posts", ".", None),
        ("posts", "%2e%2E", None),
        ("posts", "%", None),
        ("posts", "%2", None),
        ("posts", "%zz", None),
        ("posts", "a%", None),
        ("posts", "%ff", None),
        ("posts", "a%00b", None),
        ("posts", "a%0Ab", None),
        ("Posts", "a", None),
        ("", "a", None),
        ("po%2Fsts", "a", None),
    ] {
        check(
            key_from_path(collection, id),
            expected,
            &format!("{collection}/{id}"),
        );
    }
}

#[test]
fn ids_end_at_their_limit() {
    let longest = "i".repeat(ID_BYTES_MAX);
    check(
        key_from_path("posts", &longest),
        Some(&format!("posts/{longest}")),
        "at the limit",
    );
    check(
        key_from_path("posts", &format!("{longest}i")),
        None,
        "one past it",
    );
    // Encoded octets count once, decoded.
    let encoded = "%69".repeat(ID_BYTES_MAX);
    check(
        key_from_path("posts", &encoded),
        Some(&format!("posts/{longest}")),
        "encoded",
    );
}

#[test]
fn queries_need_exactly_one_id() {
    for (query, expected) in [
        (Some("id=a"), Some("posts/a")),
        (Some("id=a+b"), Some("posts/a b")),
        (Some("id=a%2Bb"), Some("posts/a+b")),
        (Some("x=1&id=a&y"), Some("posts/a")),
        (Some("id=a=b"), Some("posts/a=b")),
        (Some("&&id=a&"), Some("posts/a")),
        (Some("ID=a"), None),
        (Some("id=a&id=a"), None),
        (Some("id=a&id"), None),
        (Some("id="), None),
        (Some("id"), None),
        (Some(""), None),
        (Some("id=%G1"), None),
        (Some("id=%00"), None),
        (None, None),
    ] {
        check(post_from_query(query), expected, &format!("{query:?}"));
    }
}

#[test]
fn plain_ids_are_those_that_need_no_decoding() {
    let longest = "i".repeat(ID_BYTES_MAX);
    for id in ["a", "A-b_c.d~9", "...", &longest] {
        let parts = plain_post(id).expect(id);
        assert_eq!(parts, post_parts(Some(&format!("id={id}"))).expect(id));
        assert_eq!(parts.1, id);
    }
    let longer = format!("{longest}i");
    for id in [
        "", ".", "..", "a+b", "a%20b", "a&id=b", "a=b", "a/b", "a b", "\u{e4}", "a\0", &longer,
    ] {
        assert_eq!(plain_post(id), None, "{id:?}");
    }
    for octet in 0..=127_u8 {
        let id = char::from(octet).to_string();
        let is_unreserved = octet.is_ascii_alphanumeric() || b"-_~".contains(&octet);
        assert_eq!(plain_post(&id).is_some(), is_unreserved, "{id:?}");
    }
}
