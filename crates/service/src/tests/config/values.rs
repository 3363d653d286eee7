use std::{fmt::Debug, path::PathBuf, time::Duration};

use crate::config::values::{
    Parsed, address, bytes, bytes_in, count_in, duration, duration_in, list_of, one_of, path,
    switch, url_of,
};

fn check<T: Debug + PartialEq>(parser: impl Fn(&str) -> Parsed<T>, table: &[(&str, Option<T>)]) {
    for (text, expected) in table {
        let parsed = parser(text);
        assert_eq!(
            parsed.as_ref().ok(),
            expected.as_ref(),
            "{text:?}: {parsed:?}"
        );
    }
}

#[test]
fn durations_need_a_unit() {
    let millis = |number| Some(Duration::from_millis(number));
    check(
        duration,
        &[
            ("250ms", millis(250)),
            ("5s", millis(5_000)),
            ("2m", millis(120_000)),
            ("3h", millis(10_800_000)),
            ("1d", millis(86_400_000)),
            ("10 s", millis(10_000)),
            ("0", millis(0)),
            ("0s", millis(0)),
            ("18446744073709551615ms", millis(u64::MAX)),
            ("18446744073709551616ms", None),
            ("18446744073709551615s", None),
            ("5", None),
            ("", None),
            ("s", None),
            ("-5s", None),
            ("+5s", None),
            ("1.5s", None),
            ("5S", None),
            ("5us", None),
            ("5s5s", None),
        ],
    );
}

#[test]
fn sizes_need_a_unit() {
    check(
        bytes,
        &[
            ("64KiB", Some(65_536)),
            ("64kib", Some(65_536)),
            ("1GB", Some(1_000_000_000)),
            ("2 MiB", Some(2_097_152)),
            ("1TiB", Some(1 << 40)),
            ("7B", Some(7)),
            ("0", Some(0)),
            ("64", None),
            ("64K", None),
            ("16777215TiB", Some(16_777_215 << 40)),
            ("16777216TiB", None),
            ("-1B", None),
        ],
    );
}

#[test]
fn limits_are_told_as_settings_are_written() {
    let limits = bytes_in(8 << 20..=1 << 50);
    assert_eq!(limits("1MiB").unwrap_err(), "is not from 8MiB to 1024TiB");
    let limits = bytes_in(0..=1_500_000);
    assert_eq!(limits("2MB").unwrap_err(), "is not from 0 to 1500kB");
    let minutes = Duration::from_mins;
    let limits = duration_in(Duration::from_millis(1500)..=minutes(90));
    assert_eq!(limits("1d").unwrap_err(), "is not from 1500ms to 90m");
}

#[test]
fn limits_hold_at_the_limit_and_not_one_past_it() {
    let second = Duration::from_secs(1);
    check(
        duration_in(second..=2 * second),
        &[
            ("999ms", None),
            ("1s", Some(second)),
            ("2s", Some(2 * second)),
            ("2001ms", None),
        ],
    );
    check(
        bytes_in(10..=20),
        &[
            ("9B", None),
            ("10B", Some(10)),
            ("20B", Some(20)),
            ("21B", None),
        ],
    );
    check(
        count_in(1..=64),
        &[
            ("0", None),
            ("1", Some(1)),
            ("64", Some(64)),
            ("65", None),
            ("+1", None),
            ("one", None),
            ("", None),
        ],
    );
}

#[test]
fn addresses_are_numbers_with_a_port() {
    check(
        address,
        &[
            ("127.0.0.1:0", Some(([127, 0, 0, 1], 0).into())),
            ("[::1]:80", Some(([0, 0, 0, 0, 0, 0, 0, 1], 80).into())),
            ("127.0.0.1", None),
            ("localhost:80", None),
            ("127.0.0.1:65536", None),
            (":80", None),
        ],
    );
}

#[test]
fn words_are_matched_in_any_case() {
    check(
        switch,
        &[
            ("true", Some(true)),
            ("ON", Some(true)),
            ("0", Some(false)),
            ("No", Some(false)),
            ("2", None),
            ("", None),
        ],
    );
    check(
        one_of(&[("text", 1), ("json", 2)]),
        &[
            ("text", Some(1)),
            ("JSON", Some(2)),
            ("xml", None),
            ("", None),
        ],
    );
    let complaint = one_of(&[("text", 1), ("json", 2)])("xml").unwrap_err();
    assert_eq!(complaint, "is not one of: text, json");
}

#[test]
fn a_list_is_as_good_as_its_members() {
    check(
        list_of(count_in(1..=9)),
        &[
            ("1", Some(vec![1])),
            ("1, 2,3", Some(vec![1, 2, 3])),
            ("1,,2", None),
            ("1,", None),
            ("10", None),
            ("", None),
        ],
    );
}

#[test]
fn urls_need_a_known_scheme_and_something_behind_it() {
    let parser = url_of(&["redis", "rediss"]);
    for (text, good) in [
        ("redis://h", true),
        ("REDISS://h:6379/0", true),
        ("redis://", false),
        ("redis:h", false),
        ("http://h", false),
        ("redis://h h", false),
        ("", false),
    ] {
        assert_eq!(parser(text).is_ok(), good, "{text:?}");
    }
    check(path, &[("a/b", Some(PathBuf::from("a/b"))), ("a\0b", None)]);
}
