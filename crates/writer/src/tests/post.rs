//! The schema of posts.

use shared::{KeyError, ResourceKey, limits::BODY_BYTES_MAX};

use crate::document::{AUTHOR_BYTES_MAX, BodyError, TITLE_BYTES_MAX, parse, parse_post};

fn key(id: &str) -> ResourceKey {
    ResourceKey::parse("posts", id).unwrap()
}

fn post(id: &str, content: &str) -> Result<String, BodyError> {
    let body = parse(&key(id), content.as_bytes())?;
    Ok(String::from_utf8(body.into_octets().into()).unwrap())
}

#[track_caller]
fn check_error(content: &str, expected: &BodyError) {
    assert_eq!(&post("a", content).unwrap_err(), expected);
}

#[test]
fn members_are_stored_in_one_order_with_the_id() {
    let expected = r#"{"id":"a","title":"t","content":"c\né","author":"w"}"#;
    let sent = r#" {"author":"w", "content":"c\u000a\u00e9", "title":"t"} "#;
    assert_eq!(post("a", sent).unwrap(), expected);
    assert_eq!(post("a", expected).unwrap(), expected);
}

#[test]
fn both_routes_store_the_same_octets() {
    let sent = r#"{"title":"t","content":"c","\u0069d":"\u0061\"","author":"w"}"#;
    let (made, body) = parse_post(sent.as_bytes(), || panic!("an id is given")).unwrap();
    assert_eq!(made, key("a\""));
    assert_eq!(parse(&made, sent.as_bytes()).unwrap(), body);
}

#[test]
fn a_post_without_an_id_takes_a_new_one() {
    let sent = r#"{"title":"t","content":"c","author":"w"}"#;
    let (made, body) = parse_post(sent.as_bytes(), || "n1".to_owned()).unwrap();
    assert_eq!(made, key("n1"));
    assert_eq!(
        &body.octets()[..],
        br#"{"id":"n1","title":"t","content":"c","author":"w"}"#
    );
}

#[test]
fn ids_obey_the_rules_of_keys() {
    let with_id = |id: &str| format!(r#"{{"id":{id},"title":"t","content":"c","author":"w"}}"#);
    for (id, expected) in [
        ("\"\"", BodyError::Id(KeyError::IdEmpty)),
        ("\"..\"", BodyError::Id(KeyError::IdDots)),
        ("\"a\\n\"", BodyError::Id(KeyError::IdControl)),
        ("7", BodyError::NotAString("id")),
        ("null", BodyError::NotAString("id")),
    ] {
        let made = parse_post(with_id(id).as_bytes(), String::new);
        assert_eq!(made.unwrap_err(), expected, "{id}");
    }
    let long = with_id(&format!("\"{}\"", "x".repeat(257)));
    let made = parse_post(long.as_bytes(), String::new);
    assert_eq!(made.unwrap_err(), BodyError::Id(KeyError::IdTooLong(257)));
}

#[test]
fn the_id_in_the_body_is_the_id_in_the_url() {
    check_error(
        r#"{"id":"b","title":"t","content":"c","author":"w"}"#,
        &BodyError::OtherId,
    );
}

#[test]
fn unknown_missing_and_other_members_are_refused() {
    check_error(
        r#"{"title":"t","content":"c","author":"w","draft":true}"#,
        &BodyError::UnknownMember("draft".to_owned()),
    );
    check_error(
        r#"{"title":"t","author":"w"}"#,
        &BodyError::MissingMember("content"),
    );
    check_error("{}", &BodyError::MissingMember("title"));
    check_error(
        r#"{"title":null,"content":"c","author":"w"}"#,
        &BodyError::NotAString("title"),
    );
    check_error(
        r#"{"title":"t","content":1e999,"author":"w"}"#,
        &BodyError::NotAString("content"),
    );
}

#[test]
fn title_and_author_are_allowed_up_to_their_limits() {
    let sized = |title: usize, author: usize| {
        let (title, author) = ("t".repeat(title), "a".repeat(author));
        format!(r#"{{"title":"{title}","content":"","author":"{author}"}}"#)
    };
    post("a", &sized(TITLE_BYTES_MAX, AUTHOR_BYTES_MAX)).unwrap();
    post("a", &sized(0, 0)).unwrap();
    for (title, author, member, max) in [
        (TITLE_BYTES_MAX + 1, 1, "title", TITLE_BYTES_MAX),
        (1, AUTHOR_BYTES_MAX + 1, "author", AUTHOR_BYTES_MAX),
    ] {
        let len = max + 1;
        check_error(
            &sized(title, author),
            &BodyError::MemberTooLong { member, len, max },
        );
    }
}

#[test]
fn a_post_that_grows_past_the_limit_by_its_id_is_refused() {
    let rest = r#"{"title":"","content":"","author":""}"#.len();
    let sent = |content: usize| {
        format!(
            r#"{{"title":"","content":"{}","author":""}}"#,
            "x".repeat(content)
        )
    };
    let id = r#""id":"a","#.len();
    let stored = post("a", &sent(BODY_BYTES_MAX - rest - id)).unwrap();
    assert_eq!(stored.len(), BODY_BYTES_MAX);
    check_error(&sent(BODY_BYTES_MAX - rest - id + 1), &BodyError::TooLarge);
}
