use proptest::prelude::*;
use shared::ContentCoding::{self, Brotli, Gzip, Identity, Zstd};

use crate::http::negotiate::{Preferences, negotiate};

const ALL: &[(ContentCoding, usize)] = &[(Identity, 1000), (Gzip, 400), (Brotli, 300), (Zstd, 350)];

fn choose(lines: &[&[u8]], offers: &[(ContentCoding, usize)]) -> ContentCoding {
    let preferences = Preferences::parse(lines.iter().copied());
    let chosen = negotiate(&preferences, offers.iter(), |offer| **offer);
    chosen.expect("there are offers").0
}

fn check(field: &str, expected: ContentCoding) {
    assert_eq!(choose(&[field.as_bytes()], ALL), expected, "{field:?}");
}

#[test]
fn no_field_gets_identity() {
    assert_eq!(choose(&[], ALL), Identity);
}

#[test]
fn an_empty_field_gets_identity() {
    check("", Identity);
    check(" , ,", Identity);
}

#[test]
fn the_highest_weight_wins() {
    check("gzip", Gzip);
    check("gzip;q=1, br;q=0.9", Gzip);
    check("gzip;q=0.5, zstd;q=0.8, br;q=0.7", Zstd);
    check("gzip;q=0.001, br;q=0", Gzip);
    check("identity, gzip;q=0.5", Identity);
    check("identity;q=0.5, gzip;q=0.4, br;q=0.499", Identity);
}

#[test]
fn of_equal_weights_the_fewest_octets_win() {
    check("gzip, br, zstd", Brotli);
    check("gzip, zstd", Zstd);
    check("gzip;q=0.5, zstd;q=0.5, identity;q=0.5", Zstd);
    check("gzip, deflate, br, zstd", Brotli);
    let larger = [(Identity, 10), (Gzip, 40)];
    assert_eq!(choose(&[b"gzip, identity"], &larger), Identity);
}

#[test]
fn star_stands_for_every_coding_not_named() {
    check("*", Brotli);
    check("*;q=0.5, gzip", Gzip);
    check("br;q=0, *", Zstd);
    check("*;q=0", Identity);
    check("*;q=0, gzip;q=0.1", Gzip);
    check("gzip;q=0.5, *;q=0.6", Brotli);
}

#[test]
fn unnamed_identity_comes_after_whatever_is_named() {
    check("gzip;q=0.1", Gzip);
    check("deflate", Identity);
}

#[test]
fn with_nothing_acceptable_identity_is_sent() {
    check("identity;q=0", Identity);
    check("identity;q=0, deflate", Identity);
    let plain = [(Identity, 10)];
    assert_eq!(choose(&[b"identity;q=0, br"], &plain), Identity);
    assert_eq!(choose(&[b"*;q=0"], &plain), Identity);
}

#[test]
fn excluded_identity_yields_to_a_coding() {
    check("identity;q=0, gzip;q=0.001", Gzip);
    check("identity;q=0, *;q=0.2", Brotli);
}

#[test]
fn names_have_any_case_and_gzip_two() {
    check("GZIP", Gzip);
    check("x-gzip", Gzip);
    check("X-GZip;Q=0.5", Gzip);
    check("Br", Brotli);
}

#[test]
fn weights_may_be_spaced_and_have_three_decimals() {
    check("gzip \t; \tq=0.123 , br;q=0.122", Gzip);
    check("gzip;q=1., br;q=0.999", Gzip);
    check("gzip;q=1.000, br;q=0.", Gzip);
}

#[test]
fn malformed_members_are_ignored() {
    for malformed in [
        "gzip;q=",
        "gzip;q=2",
        "gzip;q=1.1",
        "gzip;q=1.0000",
        "gzip;q=0.0001",
        "gzip;q=.5",
        "gzip;q=-1",
        "gzip;q=0.5x",
        "gzip;level=9",
        "gzip;q=1;a=b",
        "gzip;",
        "gzip q=1",
        "gzip; q = 1",
        ";q=1",
        "\"gzip\"",
        "gzip/br",
    ] {
        check(malformed, Identity);
        check(&format!("{malformed}, zstd;q=0.1"), Zstd);
    }
}

#[test]
fn several_lines_are_one_list() {
    assert_eq!(choose(&[b"gzip;q=0.5", b"br;q=0.6"], ALL), Brotli);
    assert_eq!(choose(&[b"", b"gzip"], ALL), Gzip);
    assert_eq!(choose(&[b"*", b"br;q=0"], ALL), Zstd);
}

#[test]
fn a_coding_named_twice_has_its_lowest_weight() {
    check("gzip, gzip;q=0", Identity);
    check("gzip;q=0, x-gzip", Identity);
}

fn offers() -> impl Strategy<Value = Vec<(ContentCoding, usize)>> {
    let coded = prop::sample::subsequence(vec![Gzip, Brotli, Zstd], 0..=3);
    (coded, prop::collection::vec(1..5_usize, 4)).prop_map(|(coded, lengths)| {
        let codings = std::iter::once(Identity).chain(coded);
        codings.zip(lengths).collect()
    })
}

fn named() -> impl Strategy<Value = Vec<(&'static str, Option<u16>)>> {
    let tokens = vec!["identity", "gzip", "br", "zstd", "*", "deflate"];
    prop::sample::subsequence(tokens, 0..=6)
        .prop_shuffle()
        .prop_flat_map(|tokens| {
            let weights = prop::collection::vec(prop::option::of(0..=1000_u16), tokens.len());
            weights.prop_map(move |weights| tokens.iter().copied().zip(weights).collect())
        })
}

/// RFC 9110 §12.5.3 said another way.
fn weight_of(coding: ContentCoding, named: &[(&str, Option<u16>)]) -> u16 {
    let find = |token| named.iter().find(|(name, _)| *name == token);
    match find(coding.token()).or_else(|| find("*")) {
        Some((_, weight)) => weight.unwrap_or(1000),
        None => u16::from(coding == Identity),
    }
}

proptest! {
    #[test]
    fn no_octets_cause_a_panic(
        lines in prop::collection::vec(prop::collection::vec(any::<u8>(), 0..40), 0..4),
        offers in offers(),
    ) {
        let lines: Vec<&[u8]> = lines.iter().map(Vec::as_slice).collect();
        let preferences = Preferences::parse(lines.iter().copied());
        let chosen = choose(&lines, &offers);
        prop_assert!(preferences.weight(chosen) > 0 || chosen == Identity);
    }

    #[test]
    fn the_choice_is_acceptable_and_none_is_better(named in named(), offers in offers()) {
        let members: Vec<String> = named.iter().map(|(name, weight)| match weight {
            None => (*name).to_owned(),
            Some(weight) => format!("{name};q={}.{:03}", weight / 1000, weight % 1000),
        }).collect();
        let chosen = choose(&[members.join(", ").as_bytes()], &offers);
        let weight = weight_of(chosen, &named);
        let len = |coding| offers.iter().find(|offer| offer.0 == coding).unwrap().1;
        for (other, other_len) in &offers {
            let other_weight = weight_of(*other, &named);
            prop_assert!(other_weight <= weight, "{other:?} is wanted more than {chosen:?}");
            if other_weight == weight && weight > 0 {
                prop_assert!(*other_len >= len(chosen), "{other:?} is shorter than {chosen:?}");
            }
        }
        prop_assert!(weight > 0 || chosen == Identity);
    }
}
