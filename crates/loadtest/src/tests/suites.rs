//! Tests of the suites' own parts.

use std::collections::BTreeMap;

use crate::{
    bars::{self, Bar},
    latency::oha,
    memory::parse_resident,
    reads::targets::zipf,
    stand::posts,
    suite::Suite,
};

const OHA: &str = r#"{"summary":{"requestsPerSec":1999.6},
    "latencyPercentiles":{"p50":0.0005,"p99":0.0021,"p99.9":0.01},
    "statusCodeDistribution":{"200":9998},"errorDistribution":{}}"#;

#[test]
fn oha_is_read_from_its_json() {
    let waits = oha::parse(OHA).unwrap();
    assert_eq!(waits.requests_per_second, 2000);
    assert_eq!(
        (waits.p50_micros, waits.p99_micros, waits.p999_micros),
        (500, 2100, 10_000)
    );
}

#[test]
fn a_failed_request_fails_the_measurement() {
    assert_eq!(oha::parse(&OHA.replace("\"200\"", "\"503\"")), None);
    let cut = OHA.replace(
        "\"errorDistribution\":{",
        "\"errorDistribution\":{\"cut\":1",
    );
    assert_eq!(oha::parse(&cut), None);
}

#[test]
fn resident_memory_is_in_kibibytes() {
    let status = "Name:\treader\nVmRSS:\t    2048 kB\nThreads:\t4\n";
    assert_eq!(parse_resident(status), Some(2 << 20));
    assert_eq!(parse_resident("Name:\treader\n"), None);
}

#[test]
fn zipf_draws_the_first_as_often_as_its_law_says() {
    const COUNT: u64 = 1000;
    const DRAWN: usize = 100_000;
    let mut random = fastrand::Rng::with_seed(1);
    let mut drawn: BTreeMap<u64, u64> = BTreeMap::new();
    for rank in zipf(COUNT, DRAWN, &mut random) {
        *drawn.entry(rank).or_default() += 1;
    }
    // The sum of 1 / n^0.99 over a thousand is 7.728: the first is drawn in 12.94 % of all cases.
    assert!((12_500..13_400).contains(&drawn[&0]), "{}", drawn[&0]);
    let share = drawn[&0] / drawn[&9];
    assert!((8..=11).contains(&share), "10^0.99 is 9.8, not {share}");
    assert!(drawn.keys().all(|&rank| rank < COUNT));
}

#[test]
fn every_rank_has_a_place_of_its_own() {
    let mut places: Vec<u64> = (0..1000).map(|rank| posts::scattered(rank, 1000)).collect();
    assert_ne!(places[1], places[0] + 1);
    places.sort_unstable();
    places.dedup();
    assert_eq!(places.len(), 1000);
}

#[test]
fn posts_have_about_400_octets_and_change() {
    let post = posts::stored(5, 0);
    assert!((380..430).contains(&post.len()), "{}", post.len());
    assert_eq!(post, posts::stored(5, 0));
    assert_ne!(post, posts::stored(5, 1));
    let change = |stored: Vec<u8>| posts::change_of(&String::from_utf8(stored).unwrap(), 5);
    assert_eq!(change(posts::stored(5, 1_900_007)), Some(1_900_007));
    assert_eq!(change(posts::stored(6, 0)), None);
    assert!(serde_json::from_slice::<serde_json::Value>(&post).is_ok());
}

#[test]
fn suites_are_named_in_any_order() {
    assert_eq!(
        Suite::parse_list("memory, reads"),
        Ok(vec![Suite::Reads, Suite::Memory])
    );
    assert!(Suite::parse_list("").is_err());
}

#[test]
fn bars_are_as_long_as_their_values() {
    let bar = |name: &str, value| Bar {
        name: name.to_owned(),
        value,
        shown: format!("{value} ms"),
    };
    let svg = bars::draw("waits", &[bar("`a` <b>", 10), bar("c", 5)]);
    assert!(svg.contains(">a &lt;b></text>"), "{svg}");
    assert!(svg.contains("width=\"450\"") && svg.contains("width=\"225\""));
}
