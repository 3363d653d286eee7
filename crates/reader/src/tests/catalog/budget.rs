//! A catalog smaller than the set.

use super::{FIRST, body, keys};
use crate::{
    catalog::{Applied, Catalog, CatalogConfig, CatalogWriter, Lookup, catalog},
    tests::{at, at_epoch, delete, put},
};

const BUDGET: u64 = 16 * 1024;

fn ready(bytes_max: u64) -> (Catalog, CatalogWriter) {
    let (catalog, mut writer) = catalog(CatalogConfig {
        bytes_max: Some(bytes_max),
    });
    writer.set_ready(true);
    (catalog, writer)
}

/// Documents of these numbers, each a change of that sequence, with everything below evictable.
fn follow(writer: &mut CatalogWriter, sequences: std::ops::RangeInclusive<u64>) {
    for sequence in sequences {
        writer.apply(&put(&format!("posts/{sequence}"), sequence, "{}"), None);
        writer.settle(at(sequence));
    }
}

#[test]
fn after_an_eviction_a_miss_means_nothing() {
    let (catalog, mut writer) = ready(BUDGET);
    assert!(matches!(catalog.lookup("posts/none"), Lookup::Absent));
    follow(&mut writer, 1..=1000);
    assert!(catalog.evictions() > 0 && catalog.is_partial());
    assert!(catalog.bytes() <= BUDGET);
    assert_eq!(catalog.documents() + catalog.evictions(), 1000);
    assert!(matches!(catalog.lookup("posts/none"), Lookup::Unknown));
}

#[test]
fn nothing_above_the_line_is_evicted_whatever_the_budget() {
    let (catalog, mut writer) = ready(BUDGET);
    follow(&mut writer, 1..=10);
    for sequence in 11..=1000 {
        writer.apply(&put(&format!("posts/{sequence}"), sequence, "{}"), None);
    }
    let held = keys(&catalog);
    assert!((11..=1000).all(|one| held.contains(&format!("posts/{one}"))));
    assert!(catalog.bytes() > BUDGET);
    // The next one makes room again.
    writer.settle(at(1001));
    writer.apply(&put("posts/1001", 1001, "{}"), None);
    assert!(catalog.bytes() <= BUDGET, "{}", catalog.bytes());
}

#[test]
fn a_tombstone_above_the_line_stays() {
    let (catalog, mut writer) = ready(BUDGET);
    follow(&mut writer, 1..=10);
    writer.apply(&delete("posts/gone", 2000), None);
    follow(&mut writer, 11..=1000);
    assert!(catalog.evictions() > 0);
    assert!(matches!(catalog.lookup("posts/gone"), Lookup::Absent));
    assert_eq!(
        writer.apply(&put("posts/gone", 1999, "{}"), None),
        Applied::Older
    );
}

#[test]
fn no_epoch_but_the_lines_own_is_evicted_above_it() {
    let (catalog, mut writer) = ready(BUDGET);
    writer.settle(at_epoch(6, 1_000_000));
    for sequence in 1..=1000 {
        writer.apply(&put(&format!("posts/{sequence}"), sequence, "{}"), None);
    }
    assert_eq!((catalog.documents(), catalog.evictions()), (1000, 0));
}

#[test]
fn a_snapshot_fills_the_set_but_pushes_nothing_out() {
    let (catalog, mut writer) = ready(BUDGET);
    let applied: Vec<Applied> = (1..=1000)
        .map(|one| writer.apply(&put(&format!("posts/{one}"), one, "{}"), Some(FIRST)))
        .collect();
    let held = applied.iter().filter(|one| **one == Applied::Newer).count();
    assert!((50..200).contains(&held), "{held}");
    assert!(applied[..held].iter().all(|one| *one == Applied::Newer));
    assert!(applied[held..].iter().all(|one| *one == Applied::LeftOut));
    assert!(catalog.bytes() < BUDGET);
    assert_eq!(catalog.evictions(), 0);
    assert!(matches!(catalog.lookup("posts/1000"), Lookup::Unknown));
}

#[test]
fn a_snapshot_renews_what_is_held_of_a_partial_set_and_adds_nothing() {
    let (catalog, mut writer) = ready(BUDGET);
    follow(&mut writer, 1..=1000);
    writer.apply(&put("posts/hot", 1001, "old"), None);
    let renewed = writer.apply(&put("posts/hot", 1002, "new"), Some(FIRST));
    let added = writer.apply(&put("posts/cold", 1003, "{}"), Some(FIRST));
    assert_eq!((renewed, added), (Applied::Newer, Applied::LeftOut));
    assert_eq!(body(&catalog, "posts/hot"), "new");
    assert!(matches!(catalog.lookup("posts/cold"), Lookup::Unknown));
}

#[test]
fn what_was_fetched_is_kept_unless_something_newer_is_held() {
    let (catalog, mut writer) = ready(BUDGET);
    follow(&mut writer, 1..=1000);
    let evicted = (1..=1000).find(|one| {
        let key = format!("posts/{one}");
        matches!(catalog.lookup(key.as_str()), Lookup::Unknown)
    });
    let sequence = evicted.expect("the set is larger than the budget");
    let key = format!("posts/{sequence}");
    writer.keep_fetched(&put(&key, sequence, "fetched"), None);
    assert_eq!(body(&catalog, &key), "fetched");
    writer.apply(&put(&key, 1001, "newer"), None);
    let late = writer.keep_fetched(&put(&key, 1000, "fetched"), None);
    assert_eq!(late, Applied::Older);
    assert_eq!(body(&catalog, &key), "newer");
    assert!(catalog.bytes() <= BUDGET);
}

#[test]
fn other_octets_of_one_position_are_mended_in_a_set_that_is_not_whole() {
    let (catalog, mut writer) = ready(BUDGET);
    follow(&mut writer, 1..=1000);
    assert!(catalog.is_partial());
    let scrub = Some(FIRST);
    let held = put("posts/1000", 1000, "{}");
    assert_eq!(writer.apply(&held, scrub), Applied::Older);
    let other = put("posts/1000", 1000, "[]");
    assert_eq!(writer.apply(&other, scrub), Applied::Mended);
    assert_eq!(body(&catalog, "posts/1000"), "[]");
    let evicted = put("posts/none", 1, "{}");
    assert_eq!(writer.apply(&evicted, scrub), Applied::LeftOut);
    let newer = put("posts/1000", 1001, "{}");
    assert_eq!(writer.apply(&newer, scrub), Applied::Newer);
}
