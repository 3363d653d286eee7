use std::time::{Duration, Instant};

use crate::{
    catalog::KeyRef,
    hot::{HALVED_EVERY, HotKeys, Hottest, PLACES, SAMPLED_ONE_IN, Sampler, TOLD_MAX},
};

/// Reads these keys in turn.
fn read(keys: &HotKeys, asked: &[String], times: usize) {
    let mut sampler = Sampler::new(keys.clone());
    for key in asked.iter().cycle().take(asked.len() * times) {
        sampler.pass(KeyRef::from(key.as_str()));
    }
}

fn now(keys: &HotKeys) -> Hottest {
    HotKeys::hottest([keys], Instant::now())
}

#[test]
fn so_many_reads_are_looked_at_and_those_by_chance() {
    // In step with the average: whoever looked at each 256th read would see one key.
    let asked: Vec<String> = (0..SAMPLED_ONE_IN).map(|n| format!("posts/{n}")).collect();
    let keys = HotKeys::default();
    read(&keys, &asked, 2_000);
    let hottest = now(&keys);
    assert!((1_800..2_200).contains(&hottest.samples), "{hottest:?}");
    assert_eq!(hottest.keys.len(), TOLD_MAX);
    assert!(hottest.keys[0].share < 0.02, "{hottest:?}");
}

#[test]
fn what_is_asked_for_most_is_found_among_very_many() {
    let keys = HotKeys::default();
    // One in ten reads is of one document, the others are of ten thousand.
    let asked: Vec<String> = (0..100_000)
        .map(|n| match n % 10 {
            0 => "posts/hot".to_owned(),
            _ => format!("posts/{}", n % 9_973),
        })
        .collect();
    read(&keys, &asked, 10);
    let hottest = now(&keys);
    let first = &hottest.keys[0];
    assert_eq!(first.key, "posts/hot");
    assert!((0.05..0.13).contains(&first.share), "{first:?}");
    let true_share = 0.1 * as_float(hottest.samples);
    assert!(as_float(first.samples) > 0.7 * true_share, "{hottest:?}");
    for key in &hottest.keys {
        assert!(key.samples_error < key.samples, "{key:?}");
        assert!(
            key.samples_error <= hottest.samples / PLACES as u64,
            "{key:?}"
        );
    }
}

#[test]
fn what_was_asked_for_fades() {
    let keys = HotKeys::default();
    read(&keys, &["posts/old".to_owned()], 100_000);
    let begun = Instant::now();
    let samples = |after: Duration| HotKeys::hottest([&keys], begun + after).samples;
    let first = samples(Duration::ZERO);
    assert!(first > 200);
    assert_eq!(samples(HALVED_EVERY), first / 2);
    assert_eq!(samples(HALVED_EVERY * 7 / 4), first / 2);
    assert_eq!(samples(HALVED_EVERY * 3), first / 8);
    let faded = HotKeys::hottest([&keys], begun + HALVED_EVERY * 1_000);
    assert_eq!((faded.samples, faded.keys.len()), (0, 0));
}

#[test]
fn a_lane_does_not_wait_for_whoever_looks() {
    let keys = HotKeys::default();
    let looking = keys.looking();
    read(&keys, &["posts/a".to_owned()], 10_000);
    drop(looking);
    assert_eq!(now(&keys).samples, 0, "those samples are lost");
}

fn as_float(count: u64) -> f64 {
    u32::try_from(count).map_or(f64::MAX, f64::from)
}
