//! Requests on one connection whose header sections differ within the values of some fields, and about
//! them: what a lane takes for a section that it knows, and what it must not.

use properties::requests;
use proptest::{collection::vec, prelude::*, sample::select};

/// Fields whose values may differ, and those whose values may not.
const NAMES: &[&str] = &[
    "traceparent",
    "X-Request-Id",
    "If-None-Match",
    "Pressrun-At-Least",
    "Accept-Encoding",
    "Connection",
];

/// Octets that end a value, fold it, repeat a field, or are no part of any.
const DIVIDING: &[&[u8]] = &[
    b"\r",
    b"\n",
    b"\0",
    b"\t",
    b"\x7f",
    b"\xff",
    b":",
    b" ",
    b"\r\n",
    b"\r\n folded",
    b"\r\n\r\n",
    b"\r\nHost: y",
    b"\r\nX-Request-Id: 1",
    b"\r\nContent-Length: 3",
    b"\nX: y",
    b"\r\nGET /post?id=b HTTP/1.1",
];

fn value() -> impl Strategy<Value = Vec<u8>> {
    let usual = prop_oneof![
        select(vec!["*", "\"x\"", "7.5", "7.1", "br", "keep-alive", ""]).prop_map(str::to_owned),
        "00-[0-9a-f]{32}-[0-9a-f]{16}-0[01]",
        "[ -~]{0,40}",
    ];
    let usual = usual.prop_map(String::into_bytes);
    let divided = (usual.clone(), select(DIVIDING), "[ -~]{0,20}");
    let divided =
        divided.prop_map(|(value, octets, rest)| [&value, octets, rest.as_bytes()].concat());
    prop_oneof![4 => usual, 1 => divided]
}

/// Two to six requests with fields of the same names, each with values of its own.
fn alike() -> impl Strategy<Value = Vec<u8>> {
    let line = select(vec![
        "GET /post?id=a",
        "GET /v1/posts/b",
        "GET /post?id=none",
    ]);
    let names = proptest::sample::subsequence(NAMES, 1..4);
    let values = vec((line, vec(value(), 4)), 2..6);
    (names, values).prop_map(|(names, requests)| {
        let mut octets = Vec::new();
        for (line, values) in requests {
            octets.extend_from_slice(format!("{line} HTTP/1.1\r\nHost: x\r\n").as_bytes());
            for (name, value) in names.iter().zip(values) {
                octets.extend_from_slice(format!("{name}: ").as_bytes());
                octets.extend(value);
                octets.extend_from_slice(b"\r\n");
            }
            octets.extend_from_slice(b"\r\n");
        }
        octets
    })
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(4000))]

    #[test]
    fn requests_that_are_nearly_alike_mean_the_same_to_both(octets in alike()) {
        requests(&octets);
    }
}
