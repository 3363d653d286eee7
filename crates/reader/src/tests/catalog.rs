mod budget;

use std::collections::BTreeMap;

use bytes::Bytes;
use proptest::prelude::*;
use shared::{Change, ContentCoding, EntityTag, Position, Representation};

use super::{at, at_epoch, delete, empty, holding, put, put_at};
use crate::{
    catalog::{Applied, Catalog, Hydration, Lookup},
    entry::Entry,
};

const FIRST: Hydration = Hydration(0);
const SECOND: Hydration = Hydration(1);

fn hit(catalog: &Catalog, key: &str) -> Entry {
    match catalog.lookup(key) {
        Lookup::Hit(entry) => entry,
        other => panic!("{key} is {other:?}"),
    }
}

fn body(catalog: &Catalog, key: &str) -> String {
    let entry = hit(catalog, key);
    let octets = entry.representations().next().unwrap().octets();
    String::from_utf8(octets.to_vec()).unwrap()
}

fn keys(catalog: &Catalog) -> Vec<String> {
    let mut keys = Vec::new();
    catalog.for_each(|entry| keys.push(entry.key().to_owned()));
    keys.sort();
    keys
}

#[test]
fn unready_catalog_knows_nothing() {
    let (catalog, mut writer) = empty();
    writer.apply(&put("posts/a", 1, "{}"), None);
    assert!(matches!(catalog.lookup("posts/a"), Lookup::NotReady));
    assert!(matches!(catalog.lookup("posts/b"), Lookup::NotReady));
    writer.set_ready(true);
    assert!(matches!(catalog.lookup("posts/a"), Lookup::Hit(_)));
    assert!(matches!(catalog.lookup("posts/b"), Lookup::Absent));
    writer.set_ready(false);
    assert!(matches!(catalog.lookup("posts/a"), Lookup::NotReady));
}

#[test]
fn all_forms_of_a_key_find_the_same_entry() {
    let envelope = put("posts/a/b", 1, "{}");
    let (catalog, _writer) = holding(std::slice::from_ref(&envelope));
    assert!(matches!(catalog.lookup(&envelope.key), Lookup::Hit(_)));
    assert!(matches!(catalog.lookup(("posts", "a/b")), Lookup::Hit(_)));
    assert!(matches!(catalog.lookup("posts/a/b"), Lookup::Hit(_)));
    for other in ["posts/a", "posts", "", "/", "postsa/b", "posts/a/b/"] {
        assert!(matches!(catalog.lookup(other), Lookup::Absent), "{other}");
    }
}

#[test]
fn an_envelope_replaces_lower_positions_only() {
    let (catalog, mut writer) = holding(&[put("posts/a", 5, "five")]);
    let mut check = |position: Position, text, expected, left| {
        let applied = writer.apply(&put_at("posts/a", position, text), None);
        assert_eq!(applied, expected, "{position}");
        assert_eq!(body(&catalog, "posts/a"), left, "{position}");
    };
    check(at(4), "four", Applied::Older, "five");
    check(at(5), "again", Applied::Older, "five");
    check(at(6), "six", Applied::Newer, "six");
    check(at_epoch(6, 900), "old epoch", Applied::Older, "six");
    check(at_epoch(8, 1), "new epoch", Applied::Newer, "new epoch");
    check(at(7), "late", Applied::Older, "new epoch");
}

#[test]
fn a_snapshot_replaces_other_octets_of_the_same_position() {
    let (catalog, mut writer) = holding(&[put("posts/a", 5, "damaged")]);
    let right = put("posts/a", 5, "right");
    assert_eq!(writer.apply(&right, None), Applied::Older, "a live one");
    assert_eq!(body(&catalog, "posts/a"), "damaged");
    assert_eq!(writer.apply(&right, Some(FIRST)), Applied::Mended);
    assert_eq!(body(&catalog, "posts/a"), "right");
    assert_eq!(writer.apply(&right, Some(SECOND)), Applied::Older);
    assert_eq!(writer.drop_unseen(SECOND, at(9)), 0, "both were marked");
}

#[test]
fn a_snapshot_replaces_a_document_by_its_tombstone_and_back() {
    let (catalog, mut writer) = holding(&[put("posts/a", 5, "five")]);
    assert_eq!(
        writer.apply(&delete("posts/a", 5), Some(FIRST)),
        Applied::Mended
    );
    assert_eq!((catalog.documents(), catalog.tombstones()), (0, 1));
    assert_eq!(
        writer.apply(&put("posts/a", 5, "five"), Some(FIRST)),
        Applied::Mended
    );
    assert_eq!((catalog.documents(), catalog.tombstones()), (1, 0));
    assert_eq!(body(&catalog, "posts/a"), "five");
}

#[test]
fn a_document_coded_anew_is_no_damage() {
    let (catalog, mut writer) = holding(&[put("posts/a", 5, "five")]);
    let mut coded = put("posts/a", 5, "five");
    let Change::Put(representations) = &mut coded.change else {
        panic!("{coded:?} is no put");
    };
    representations.push(Representation {
        coding: ContentCoding::Gzip,
        tag: EntityTag([7; 16]),
        octets: Bytes::from_static(b"coded"),
    });
    assert_eq!(writer.apply(&coded, Some(FIRST)), Applied::Recoded);
    assert_eq!(hit(&catalog, "posts/a").representations().count(), 2);
}

#[test]
fn a_tombstone_is_absent_and_holds_back_older_puts() {
    let (catalog, mut writer) = holding(&[put("posts/a", 1, "{}"), delete("posts/a", 3)]);
    assert!(matches!(catalog.lookup("posts/a"), Lookup::Absent));
    assert_eq!((catalog.documents(), catalog.tombstones()), (0, 1));
    assert_eq!(writer.apply(&put("posts/a", 2, "{}"), None), Applied::Older);
    assert!(matches!(catalog.lookup("posts/a"), Lookup::Absent));
    assert_eq!(writer.apply(&put("posts/a", 4, "{}"), None), Applied::Newer);
    assert!(matches!(catalog.lookup("posts/a"), Lookup::Hit(_)));
    assert_eq!((catalog.documents(), catalog.tombstones()), (1, 0));
    assert_eq!(writer.forget_tombstones(at(9)), 0);
    assert!(matches!(catalog.lookup("posts/a"), Lookup::Hit(_)));
}

#[test]
fn tombstones_at_or_below_are_forgotten() {
    let (catalog, mut writer) = holding(&[
        put("posts/kept", 1, "{}"),
        delete("posts/a", 2),
        delete("posts/b", 3),
        delete("posts/c", 4),
    ]);
    assert_eq!(writer.forget_tombstones(at(1)), 0);
    assert_eq!(writer.forget_tombstones(at(3)), 2);
    assert_eq!(keys(&catalog), ["posts/c", "posts/kept"]);
    assert_eq!((catalog.documents(), catalog.tombstones()), (1, 1));
    assert_eq!(writer.forget_tombstones(at_epoch(8, 0)), 1);
    assert_eq!(catalog.tombstones(), 0);
}

#[test]
fn unseen_entries_at_or_below_the_floor_are_dropped() {
    let (catalog, mut writer) = holding(&[
        put("posts/seen", 1, "{}"),
        put("posts/unseen-below", 2, "{}"),
        delete("posts/unseen-tombstone", 3),
        put("posts/unseen-at-floor", 4, "{}"),
        put("posts/unseen-above", 5, "{}"),
        put_at("posts/unseen-old-epoch", at_epoch(6, 99), "{}"),
        put_at("posts/unseen-new-epoch", at_epoch(8, 1), "{}"),
    ]);
    writer.apply(&put("posts/seen", 1, "{}"), Some(FIRST));
    writer.apply(&put("posts/new", 4, "{}"), Some(FIRST));
    assert_eq!(writer.drop_unseen(FIRST, at(4)), 4);
    let left = [
        "posts/new",
        "posts/seen",
        "posts/unseen-above",
        "posts/unseen-new-epoch",
    ];
    assert_eq!(keys(&catalog), left);
    assert_eq!((catalog.documents(), catalog.tombstones()), (4, 0));
}

#[test]
fn a_mark_of_another_hydration_does_not_count() {
    let (catalog, mut writer) = holding(&[]);
    writer.apply(&put("posts/a", 1, "{}"), Some(FIRST));
    assert_eq!(writer.drop_unseen(SECOND, at(1)), 1);
    assert!(matches!(catalog.lookup("posts/a"), Lookup::Absent));
}

#[test]
fn an_older_snapshot_state_marks_the_newer_entry_held() {
    let (catalog, mut writer) = holding(&[put("posts/a", 9, "nine")]);
    let older = put("posts/a", 3, "three");
    assert_eq!(writer.apply(&older, Some(FIRST)), Applied::Older);
    assert_eq!(writer.drop_unseen(FIRST, at(9)), 0);
    assert_eq!(body(&catalog, "posts/a"), "nine");
}

#[test]
fn a_live_change_keeps_the_mark_of_its_key() {
    let (catalog, mut writer) = holding(&[]);
    writer.apply(&put("posts/a", 1, "one"), Some(FIRST));
    writer.apply(&put("posts/a", 2, "two"), None);
    assert_eq!(writer.drop_unseen(FIRST, at(2)), 0);
    assert_eq!(body(&catalog, "posts/a"), "two");
}

#[test]
fn what_a_scrub_gains_nothing_from_changes_nothing() {
    let mut scratch = Vec::new();
    for (envelope, gains_nothing) in [
        (put("posts/a", 1, "older"), true),
        (put("posts/a", 2, "held"), true),
        (put("posts/a", 2, "damaged"), false),
        (delete("posts/a", 2), false),
        (put("posts/a", 3, "newer"), false),
        (put("posts/b", 1, "not held"), false),
    ] {
        let (catalog, mut writer) = holding(&[put("posts/a", 2, "held")]);
        let told = catalog.gains_nothing(&envelope, &mut scratch);
        assert_eq!(told, gains_nothing, "{envelope:?}");
        let applied = writer.apply(&envelope, Some(FIRST));
        assert_eq!(applied == Applied::Older, told, "{envelope:?}");
    }
}

#[test]
fn a_key_is_marked_where_it_is_held() {
    let (catalog, mut writer) = holding(&[put("posts/a", 1, "{}"), put("posts/b", 1, "{}")]);
    for key in ["posts/a", "posts/c"] {
        writer.mark(&put(key, 1, "{}").key, SECOND);
    }
    assert_eq!(writer.drop_unseen(SECOND, at(1)), 1);
    assert_eq!(keys(&catalog), ["posts/a"]);
}

#[test]
fn nothing_is_evicted_without_a_budget() {
    let (catalog, mut writer) = empty();
    for sequence in 1..=20_000 {
        let key = format!("posts/{sequence}");
        writer.apply(&put(&key, sequence, "0123456789"), None);
    }
    assert_eq!((catalog.documents(), catalog.evictions()), (20_000, 0));
    let mut visited = 0;
    catalog.for_each(|_entry| visited += 1);
    assert_eq!(visited, 20_000);
}

#[test]
fn replacing_is_not_evicting() {
    let (catalog, mut writer) = empty();
    for sequence in 1..=100 {
        writer.apply(&put("posts/a", sequence, "{}"), None);
    }
    assert_eq!((catalog.documents(), catalog.evictions()), (1, 0));
}

#[test]
fn bytes_follow_what_is_held() {
    let (catalog, mut writer) = holding(&[]);
    assert_eq!(catalog.bytes(), 0);
    writer.apply(&put("posts/a", 1, "0123456789"), None);
    let one = catalog.bytes();
    assert_eq!(one, hit(&catalog, "posts/a").bytes() as u64);
    writer.apply(&delete("posts/a", 2), None);
    assert!(catalog.bytes() < one);
    writer.forget_tombstones(at(2));
    assert_eq!(catalog.bytes(), 0);
}

#[test]
fn an_entry_keeps_no_frame_alive() {
    let frame = shared::codec::encode(&put("posts/a", 1, "0123456789")).unwrap();
    let mut writer = empty().1;
    writer.apply(&shared::codec::decode(&frame).unwrap(), None);
    assert!(frame.is_unique(), "only this handle of the frame is left");
}

#[derive(Debug, Clone)]
enum Step {
    Put(u8, u64),
    Delete(u8, u64),
    ForgetTombstones(u64),
}

fn step() -> impl Strategy<Value = Step> {
    prop_oneof![
        4 => (0..6_u8, 1..40_u64).prop_map(|(key, sequence)| Step::Put(key, sequence)),
        2 => (0..6_u8, 1..40_u64).prop_map(|(key, sequence)| Step::Delete(key, sequence)),
        1 => (0..40_u64).prop_map(Step::ForgetTombstones),
    ]
}

proptest! {
    #[test]
    fn any_steps_end_as_the_model_does(steps in prop::collection::vec(step(), 0..60)) {
        let (catalog, mut writer) = holding(&[]);
        let mut model: BTreeMap<String, (u64, bool)> = BTreeMap::new();
        for step in steps {
            match step {
                Step::Put(key, sequence) => {
                    let key = format!("posts/{key}");
                    writer.apply(&put(&key, sequence, "{}"), None);
                    raise(&mut model, key, (sequence, false));
                }
                Step::Delete(key, sequence) => {
                    let key = format!("posts/{key}");
                    writer.apply(&delete(&key, sequence), None);
                    raise(&mut model, key, (sequence, true));
                }
                Step::ForgetTombstones(through) => {
                    writer.forget_tombstones(at(through));
                    model.retain(|_key, (sequence, gone)| !*gone || *sequence > through);
                }
            }
        }
        let mut held = BTreeMap::new();
        catalog.for_each(|entry| {
            let state = (entry.position().sequence.0, entry.is_tombstone());
            held.insert(entry.key().to_owned(), state);
        });
        let tombstones = model.values().filter(|(_, gone)| *gone).count() as u64;
        prop_assert_eq!(catalog.tombstones(), tombstones);
        prop_assert_eq!(catalog.documents(), model.len() as u64 - tombstones);
        prop_assert_eq!(held, model);
    }
}

fn raise(model: &mut BTreeMap<String, (u64, bool)>, key: String, state: (u64, bool)) {
    let held = model.entry(key).or_insert(state);
    if held.0 < state.0 {
        *held = state;
    }
}
