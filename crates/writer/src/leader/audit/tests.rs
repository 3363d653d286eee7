//! What the auditor makes of answers, whom it asks and where, and how often.

use bus::{Registration, limits::READERS_MAX};
use bytes::Bytes;
use shared::{
    Epoch, Link, Slot, Timestamp, Version,
    digest::{DocumentState, Listing},
};

use super::{
    ask::target,
    counters::nines,
    judge::{Judgement, judge, judge_missing},
    *,
};
use crate::store::Document;

const CONSISTENT: Judgement = Judgement::Settled(Outcome::Consistent);
const STALE: Judgement = Judgement::Settled(Outcome::Stale);

fn key() -> ResourceKey {
    ResourceKey::parse("posts", "a").unwrap()
}

fn at(epoch: u64, sequence: u64) -> Position {
    Position::new(Epoch(epoch), Sequence(sequence))
}

/// The change at sequence 5 of epoch 2.
fn sample(is_deleted: bool) -> Sample {
    Sample {
        key: key(),
        position: at(2, 5),
        is_deleted,
        committed_at: Instant::now(),
    }
}

fn listing(epoch: u64, held: Option<u64>) -> Listing {
    let state = |sequence| DocumentState {
        sequence: Sequence(sequence),
        version: Version(1),
        expires_at: None,
        tag: None,
    };
    Listing {
        position: at(epoch, 9),
        documents: held.map(|it| (key(), state(it))).into_iter().collect(),
    }
}

fn document(position: Position, is_deleted: bool, expires_at: Option<i64>) -> Document {
    Document {
        key: key(),
        version: Version(1),
        slot: Slot {
            position,
            prev_link: Link(1),
            link: Link(2),
        },
        body: (!is_deleted).then(|| Bytes::from_static(b"{}")),
        created_at: Timestamp(0),
        updated_at: Timestamp(0),
        expires_at: expires_at.map(Timestamp),
    }
}

#[test]
fn at_or_above_the_change_is_consistent_and_below_it_stale() {
    for (is_deleted, epoch, held, expected) in [
        (false, 2, Some(5), CONSISTENT),
        (false, 2, Some(6), CONSISTENT),
        (false, 2, Some(4), STALE),
        (false, 2, None, Judgement::Missing),
        (true, 2, None, CONSISTENT),
        (true, 2, Some(4), STALE),
        (true, 2, Some(6), CONSISTENT),
        (false, 1, Some(9), STALE),
        (false, 3, Some(1), Judgement::Ended),
        (false, 3, None, Judgement::Ended),
    ] {
        let judged = judge(&sample(is_deleted), &listing(epoch, held));
        assert_eq!(judged, expected, "{is_deleted} {epoch} {held:?}");
    }
}

#[test]
fn a_missing_document_is_right_where_it_was_deleted_at_or_below_the_position() {
    let (consistent, stale) = (Some(Outcome::Consistent), Some(Outcome::Stale));
    for (position, database, expected) in [
        (9, None, consistent),
        (9, Some(document(at(2, 7), true, None)), consistent),
        (7, Some(document(at(2, 7), true, None)), consistent),
        (6, Some(document(at(2, 7), true, None)), None),
        (4, Some(document(at(2, 7), true, None)), stale),
        (9, Some(document(at(2, 5), false, None)), stale),
        (9, Some(document(at(2, 5), false, Some(1))), None),
        (9, Some(document(at(2, 8), false, None)), None),
        (4, Some(document(at(2, 8), false, None)), stale),
        (9, Some(document(at(3, 1), false, None)), None),
    ] {
        let judged = judge_missing(&sample(false), at(2, position), database.as_ref());
        assert_eq!(judged, expected, "{position} {database:?}");
    }
}

#[test]
fn a_document_is_one_segment_below_the_admin_plane() {
    let key = ResourceKey::parse("posts", "a/b?c d%").unwrap();
    for (admin, expected) in [
        ("http://h:1", "http://h:1/digest/posts/a%2Fb%3Fc%20d%25"),
        (
            "http://h:1/in/",
            "http://h:1/in/digest/posts/a%2Fb%3Fc%20d%25",
        ),
    ] {
        let url = target(&Url::parse(admin).unwrap(), &key).unwrap();
        assert_eq!(url.as_str(), expected);
    }
}

#[tokio::test(start_paused = true)]
async fn a_reader_that_no_longer_registers_is_asked_for_a_minute() {
    let registered = |names: &[&str]| {
        let one = |name: &&str| Registration {
            reader: (*name).to_owned(),
            status: match *name {
                "hidden" => r#"{"admin_url": null}"#.to_owned(),
                name => format!(r#"{{"admin_url": "http://{name}:9181", "ready": true}}"#),
            },
        };
        names.iter().map(one).collect::<Vec<_>>()
    };
    let mut readers = Readers::default();
    let began = Instant::now();
    readers.take(registered(&["a", "b", "hidden"]), began);
    let names = |readers: &Readers| -> Vec<String> {
        readers.all().map(|(id, _url)| id.to_owned()).collect()
    };
    assert_eq!(names(&readers), ["a", "b"]);
    readers.take(registered(&["a"]), began + Duration::from_secs(59));
    assert_eq!(names(&readers), ["a", "b"]);
    readers.take(registered(&["a"]), began + Duration::from_mins(1));
    assert_eq!(names(&readers), ["a"]);
}

#[tokio::test]
async fn readers_that_come_and_go_are_as_many_as_are_listed_at_most() {
    let registered = |process: &str| {
        let one = |number| Registration {
            reader: format!("{process}-{number}"),
            status: format!(r#"{{"admin_url": "http://{process}-{number}:9181"}}"#),
        };
        (0..READERS_MAX).map(one).collect::<Vec<_>>()
    };
    let mut readers = Readers::default();
    let began = Instant::now();
    readers.take(registered("first"), began);
    let next = began + Duration::from_secs(5);
    readers.take(registered("second"), next);
    assert_eq!(readers.len(), READERS_MAX);
    assert!(readers.all().all(|(id, _url)| id.starts_with("first")));

    // Room is made by those that have not registered for a minute.
    let later = began + Duration::from_mins(1);
    readers.take(Vec::new(), later);
    readers.take(registered("second"), later);
    assert!(readers.all().all(|(id, _url)| id.starts_with("second")));
}

#[test]
fn a_large_fleet_is_sampled_less_often() {
    let four = NonZeroU32::new(4).unwrap();
    for (readers, millis) in [(0, 250), (3, 250), (8, 250), (10, 300), (1000, 30_000)] {
        assert_eq!(
            pause(four, readers),
            Duration::from_millis(millis),
            "{readers}"
        );
    }
}

#[test]
fn nines_are_those_of_one_stale_answer_where_there_was_none() {
    for (consistent, stale, expected) in [
        (0, 0, None),
        (999, 1, Some(3.0)),
        (990, 10, Some(2.0)),
        (1000, 0, Some(3.0)),
        (5000, 0, Some(3.69)),
        (0, 7, Some(0.0)),
        (7, 7, Some(0.3)),
    ] {
        assert_eq!(nines(consistent, stale), expected, "{consistent} {stale}");
    }
}
