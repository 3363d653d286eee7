//! The minifier: a table of rules, then `serde_json` as the model.

use bytes::Bytes;
use proptest::prelude::*;
use serde_json::Value;
use shared::{ResourceKey, limits::BODY_BYTES_MAX};

use crate::document::{BodyError, DEPTH_MAX, parse};

fn minified(content: &[u8]) -> Result<Bytes, BodyError> {
    let key = ResourceKey::parse("things", "a").unwrap();
    parse(&key, content).map(|body| body.octets().clone())
}

#[track_caller]
fn check(content: &str, expected: &str) {
    assert_eq!(minified(content.as_bytes()).unwrap(), expected.as_bytes());
}

#[track_caller]
fn check_error(content: impl AsRef<[u8]>, expected: &BodyError) {
    assert_eq!(&minified(content.as_ref()).unwrap_err(), expected);
}

#[track_caller]
fn check_malformed(content: &str, expected_at: usize) {
    match minified(content.as_bytes()) {
        Err(BodyError::Malformed { at, .. }) => assert_eq!(at, expected_at, "{content}"),
        other => panic!("{content}: {other:?}"),
    }
}

#[test]
fn white_space_goes_and_order_stays() {
    check(
        " {\r\n\t\"b\" : [ 1 , { } , [ ] ] , \"a\" : null } ",
        r#"{"b":[1,{},[]],"a":null}"#,
    );
    check("{}", "{}");
    check(r#"{"a b":" c "}"#, r#"{"a b":" c "}"#);
}

#[test]
fn numbers_keep_their_spelling() {
    check(
        r#"{"n":[0,-0,1.0,1.50,10e2,1E+9,1e-9,12345678901234567890123,1e999]}"#,
        r#"{"n":[0,-0,1.0,1.50,10e2,1E+9,1e-9,12345678901234567890123,1e999]}"#,
    );
}

#[test]
fn strings_take_their_shortest_form() {
    check(
        r#"{"\u0061\/":"\u00e9\ud83d\ude00\u000a\u001F\"\\\b\f\n\r\t\u007f"}"#,
        "{\"a/\":\"\u{e9}\u{1f600}\\n\\u001f\\\"\\\\\\b\\f\\n\\r\\t\u{7f}\"}",
    );
}

#[test]
fn duplicate_names_are_refused_at_any_depth_and_in_any_spelling() {
    let duplicate = |at, name: &str| BodyError::DuplicateName {
        at,
        name: name.to_owned(),
    };
    check_error(r#"{"a":1,"a":1}"#, &duplicate(7, "\"a\""));
    check_error(r#"{"a":1,"\u0061":2}"#, &duplicate(7, "\"a\""));
    check_error(r#"{"x":[{"b":1,"a":2,"b":3}]}"#, &duplicate(19, "\"b\""));
    let long = "n".repeat(100);
    let shown = format!("\"{}...", &long[..63]);
    check_error(
        format!(r#"{{"{long}":1,"{long}":1}}"#),
        &duplicate(106, &shown),
    );
    check(
        r#"{"a":{"a":{"a":1}},"b":{"a":1}}"#,
        r#"{"a":{"a":{"a":1}},"b":{"a":1}}"#,
    );
}

#[test]
fn nul_is_refused_escaped_and_raw() {
    check_error(r#"{"a":"x\u0000"}"#, &BodyError::Nul { at: 7 });
    check_error("{\"a\":\"x\0\"}", &BodyError::Nul { at: 7 });
    check_error(r#"{"\u0000":1}"#, &BodyError::Nul { at: 2 });
    check_malformed("{\0}", 1);
}

#[test]
fn lone_surrogates_are_refused() {
    for lone in [
        r"\ud800",
        r"\udfff",
        r"\ud800x",
        r"\ud800\n",
        r"\ud800\ud800",
        r"\udc00\ud800",
        r"\ud83d\u0041",
    ] {
        check_error(
            format!(r#"{{"a":"{lone}"}}"#),
            &BodyError::LoneSurrogate { at: 6 },
        );
    }
    // A surrogate as octets is not UTF-8.
    check_error(b"{\"a\":\"\xed\xa0\x80\"}", &BodyError::NotUtf8 { at: 6 });
}

#[test]
fn nesting_is_allowed_up_to_the_limit() {
    let nested = |depth: usize| {
        let inner = depth - 1;
        format!("{{\"a\":{}{}}}", "[".repeat(inner), "]".repeat(inner))
    };
    check(&nested(DEPTH_MAX), &nested(DEPTH_MAX));
    check_error(
        nested(DEPTH_MAX + 1),
        &BodyError::TooDeep {
            at: 5 + DEPTH_MAX - 1,
        },
    );
    check_error("[".repeat(100_000), &BodyError::TooDeep { at: DEPTH_MAX });
}

#[test]
fn bodies_are_allowed_up_to_the_limit() {
    let sized = |len: usize| format!("{{\"a\":\"{}\"}}", "x".repeat(len - 8));
    assert_eq!(
        minified(sized(BODY_BYTES_MAX).as_bytes()).unwrap().len(),
        BODY_BYTES_MAX
    );
    check_error(sized(BODY_BYTES_MAX + 1), &BodyError::TooLarge);
}

#[test]
fn only_objects_are_documents() {
    for other in ["[]", "1", "\"a\"", "null", " true "] {
        check_error(other, &BodyError::NotAnObject);
    }
}

#[test]
fn malformed_json_says_where() {
    for (content, at) in [
        ("", 0),
        ("{", 1),
        ("{\"a\"", 4),
        ("{\"a\" 1}", 5),
        ("{\"a\":}", 5),
        ("{\"a\":1,}", 7),
        ("{\"a\":1 \"b\":2}", 7),
        ("{,}", 1),
        ("{a:1}", 1),
        ("{'a':1}", 1),
        ("{\"a\":[1,]}", 8),
        ("{\"a\":[}", 6),
        ("{\"a\":[1}", 7),
        ("{\"a\":{]}", 6),
        ("{\"a\":1]", 6),
        ("{\"a\":01}", 6),
        ("{\"a\":-}", 6),
        ("{\"a\":1.}", 7),
        ("{\"a\":.5}", 5),
        ("{\"a\":1e}", 7),
        ("{\"a\":+1}", 5),
        ("{\"a\":NaN}", 5),
        ("{\"a\":tru}", 5),
        ("{\"a\":truer}", 9),
        ("{\"a\":\"\n\"}", 6),
        ("{\"a\":\"\\x\"}", 7),
        ("{\"a\":\"\\u12g4\"}", 8),
        ("{\"a\":\"\\u+123\"}", 8),
        ("{\"a\":\"\\u12", 8),
        ("{\"a\":\"b", 7),
        ("{\"a\":\"\\", 7),
        ("{}{}", 2),
        ("{} x", 3),
        ("\u{feff}{}", 0),
        ("// c\n{}", 0),
    ] {
        check_malformed(content, at);
    }
    check_error(b"{\"a\":\"\xff\"}", &BodyError::NotUtf8 { at: 6 });
}

fn any_value() -> impl Strategy<Value = Value> {
    let scalar = prop_oneof![
        Just(Value::Null),
        any::<bool>().prop_map(Value::from),
        any::<i64>().prop_map(Value::from),
        any::<f64>().prop_map(Value::from),
        "[^\0]{0,12}".prop_map(Value::from),
    ];
    scalar.prop_recursive(6, 48, 6, |inner| {
        prop_oneof![
            prop::collection::vec(inner.clone(), 0..6).prop_map(Value::from),
            prop::collection::btree_map("[^\0]{0,8}", inner, 0..6)
                .prop_map(|members| Value::Object(members.into_iter().collect())),
        ]
    })
}

/// Texts that are almost JSON: tokens in any order.
fn any_tokens() -> impl Strategy<Value = String> {
    let token = prop::sample::select(vec![
        "{",
        "}",
        "[",
        "]",
        ":",
        ",",
        "\"",
        "\"a\"",
        "\"b\":",
        "\"\\u0061\"",
        "\"\\ud83d\\ude00\"",
        "\\ud800",
        "\\u0000",
        "\\",
        "0",
        "-1.5e+3",
        "1",
        ".",
        "e",
        "true",
        "null",
        " ",
        "\n",
        "é",
    ]);
    prop::collection::vec(token, 0..24).prop_map(|tokens| tokens.concat())
}

proptest! {
    #[test]
    fn equals_what_serde_json_writes(value in any_value()) {
        let document = serde_json::json!({ "value": value });
        let pretty = serde_json::to_vec_pretty(&document).unwrap();
        let output = minified(&pretty).unwrap();
        prop_assert_eq!(&output[..], &serde_json::to_vec(&document).unwrap()[..]);
        prop_assert_eq!(minified(&output).unwrap(), output);
    }

    #[test]
    fn accepts_what_serde_json_accepts(tail in any_tokens()) {
        let content = format!("{{\"a\":{tail}");
        let model: Result<Value, _> = serde_json::from_str(&content);
        match (minified(content.as_bytes()), model) {
            (Ok(output), Ok(value)) => {
                prop_assert_eq!(serde_json::from_slice::<Value>(&output).unwrap(), value);
            }
            (Err(BodyError::Malformed { .. } | BodyError::LoneSurrogate { .. }), Ok(_)) => {
                prop_assert!(false, "refused {}", content);
            }
            (Ok(_), Err(error)) => prop_assert!(false, "accepted {}: {}", content, error),
            (Err(_), _) => {}
        }
    }

    #[test]
    fn arbitrary_octets_never_panic(content in prop::collection::vec(any::<u8>(), 0..256)) {
        drop(minified(&content));
    }
}
