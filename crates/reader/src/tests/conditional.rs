use proptest::prelude::*;
use shared::EntityTag;

use crate::http::conditional::is_held;

const TAG: EntityTag = EntityTag([
    0x01, 0x23, 0x45, 0x67, 0x89, 0xab, 0xcd, 0xef, 0x01, 0x23, 0x45, 0x67, 0x89, 0xab, 0xcd, 0xef,
]);
const FIELD: &str = "\"0123456789abcdef0123456789abcdef\"";
const OTHER: &str = "\"ffffffffffffffffffffffffffffffff\"";

fn check(lines: &[&str], expected: bool) {
    let octets = lines.iter().map(|line| line.as_bytes());
    assert_eq!(is_held(octets, TAG), expected, "{lines:?}");
}

#[test]
fn no_field_holds_nothing() {
    check(&[], false);
    check(&[""], false);
}

#[test]
fn the_same_tag_is_held() {
    check(&[FIELD], true);
    check(&[OTHER], false);
    check(&["\"0123456789abcdef\""], false);
    check(&[&FIELD.to_uppercase()], false);
}

#[test]
fn tags_are_compared_weakly() {
    check(&[&format!("W/{FIELD}")], true);
    check(&[&format!("w/{FIELD}")], false);
}

#[test]
fn any_member_of_a_list_may_match() {
    check(&[&format!("{OTHER}, {FIELD}")], true);
    check(&[&format!("W/{OTHER},W/{FIELD}")], true);
    check(&[&format!(" ,\t{OTHER} ,, {FIELD} ,")], true);
    check(&[&format!("{OTHER}, {OTHER}")], false);
}

#[test]
fn a_comma_within_a_tag_divides_nothing() {
    check(&[&format!("\"a,{}\"", FIELD.trim_matches('"'))], false);
    check(&[&format!("\"a,b\", {FIELD}")], true);
}

#[test]
fn several_lines_are_one_list() {
    check(&[OTHER, FIELD], true);
    check(&["*", OTHER], false);
    check(&[OTHER, "*"], false);
}

#[test]
fn star_alone_names_any() {
    check(&["*"], true);
    check(&[" * "], true);
    check(&["**"], false);
    check(&["\"*\""], false);
    check(&["*, *"], false);
}

#[test]
fn what_is_malformed_holds_nothing() {
    let bare = FIELD.trim_matches('"');
    for malformed in [
        bare.to_owned(),
        format!("\"{bare}"),
        format!("{bare}\""),
        format!("'{bare}'"),
        format!("{FIELD}-gzip"),
        format!("{FIELD} {OTHER}"),
        format!("W/ {FIELD}"),
        format!("nonsense, {FIELD}"),
    ] {
        check(&[&malformed], false);
        check(&[&malformed, FIELD], true);
    }
    check(&[&format!("{FIELD}, nonsense")], true);
}

proptest! {
    #[test]
    fn no_octets_cause_a_panic(
        lines in prop::collection::vec(prop::collection::vec(any::<u8>(), 0..80), 0..4),
    ) {
        let held = is_held(lines.iter().map(Vec::as_slice), TAG);
        let only_star = lines.iter().flatten().filter(|octet| !b" \t,".contains(octet)).eq(b"*");
        prop_assert_eq!(held, only_star);
    }

    #[test]
    fn a_listed_tag_is_held_wherever_it_stands(before in 0..5_usize, after in 0..5_usize) {
        let others = |count| std::iter::repeat_n(OTHER, count);
        let list: Vec<&str> = others(before).chain([FIELD]).chain(others(after)).collect();
        prop_assert!(is_held([list.join(",").as_bytes()], TAG));
    }
}
