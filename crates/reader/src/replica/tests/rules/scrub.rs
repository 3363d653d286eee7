//! Scrubs.

use super::*;
use crate::replica::{ComparedBucket, ScrubAttempt, ScrubbedBucket};

impl Machine {
    /// Confirmed by the bus, 10 ms at a time, until a scrub begins.
    fn until_scrubbed(&mut self) -> (ScrubAttempt, u32) {
        let mut nonce = None;
        for _ in 0..200 {
            let effects = self.elapse(10);
            nonce = probe_in(&effects).or(nonce);
            let head = self.sequence().unwrap_or_default();
            let confirmed = self.take(heartbeat(head, nonce));
            if let Some(scrub) = scrub_in(&effects).or_else(|| scrub_in(confirmed)) {
                return scrub;
            }
        }
        panic!("no bucket has its turn within 2 s");
    }

    fn scrub(&mut self, envelopes: Vec<Envelope>, at: Meta) -> Vec<Effect> {
        let (attempt, turn) = self.until_scrubbed();
        let read = bucket(envelopes, at, turn);
        self.take(Input::Scrubbed(attempt, read)).to_vec()
    }
}

fn scrub_in(effects: &[Effect]) -> Option<(ScrubAttempt, u32)> {
    effects.iter().find_map(|effect| match effect {
        Effect::Scrub(attempt, turn) => Some((*attempt, *turn)),
        _ => None,
    })
}

fn bucket(envelopes: Vec<Envelope>, meta: Meta, turn: u32) -> ScrubbedBucket {
    ScrubbedBucket {
        begun: meta,
        index: turn % meta.buckets,
        bucket: Some(ComparedBucket {
            envelopes,
            ..ComparedBucket::default()
        }),
        ended: Some(meta),
    }
}

fn envelope(sequence: u64) -> Envelope {
    delivery(sequence).envelope.unwrap()
}

fn repairs(effects: &[Effect]) -> Vec<Hydration> {
    let marks = effects.iter().filter_map(|effect| match effect {
        Effect::Repair(_, mark, _) => Some(*mark),
        _ => None,
    });
    marks.collect()
}

fn marked(effects: &[Effect]) -> Vec<(Vec<ResourceKey>, Hydration)> {
    let marked = effects.iter().filter_map(|effect| match effect {
        Effect::Mark(keys, mark) => Some((keys.clone(), *mark)),
        _ => None,
    });
    marked.collect()
}

fn dropped(effects: &[Effect]) -> Option<(Hydration, Position)> {
    effects.iter().find_map(|effect| match effect {
        Effect::DropUnscrubbed(mark, floor) => Some((*mark, *floor)),
        _ => None,
    })
}

fn in_two_buckets(published_through: u64) -> Meta {
    Meta {
        buckets: 2,
        ..meta(published_through)
    }
}

#[test]
fn bucket_is_scrubbed_once_a_second() {
    let mut machine = Machine::hydrated(5);
    machine.scrub(vec![envelope(3)], meta(5));
    let before = machine.now;
    machine.scrub(vec![envelope(3)], meta(5));
    let pause = machine.now.saturating_sub(before);
    assert!(pause >= Duration::from_millis(900), "{pause:?}");
    assert_eq!(machine.replica.counts().scrubs, 2);
}

#[test]
fn nothing_is_scrubbed_while_the_bus_does_not_confirm() {
    let mut machine = Machine::hydrated(5);
    for _ in 0..30 {
        machine.take(heartbeat(5, None));
        assert_eq!(scrub_in(&machine.elapse(100)), None);
    }
}

#[test]
fn pass_drops_what_no_bucket_had_up_to_the_floor_of_its_first() {
    let mut machine = Machine::hydrated(5);
    let first = machine.scrub(vec![envelope(3)], in_two_buckets(5));
    let mark = repairs(&first)[0];
    assert_eq!(dropped(&first), None, "one bucket is left");
    machine.take(Input::Delivery(delivery(6)));
    let second = machine.scrub(vec![envelope(4)], in_two_buckets(6));
    assert_eq!(repairs(&second), [mark]);
    assert_eq!(dropped(&second), Some((mark, position(5))));
}

#[test]
fn each_bucket_has_its_turn() {
    let mut machine = Machine::hydrated(5);
    let (attempt, turn) = machine.until_scrubbed();
    let read = bucket(Vec::new(), meta(5), turn);
    machine.take(Input::Scrubbed(attempt, read));
    let (attempt, next) = machine.until_scrubbed();
    assert_eq!(next, turn.wrapping_add(1));
    machine.take(Input::ScrubFailed(attempt));
    let (_, again) = machine.until_scrubbed();
    assert_eq!(again, next, "what was not read has its turn again");
}

#[test]
fn bucket_read_below_the_position_is_not_applied() {
    let mut machine = Machine::hydrated(5);
    assert_eq!(machine.scrub(vec![envelope(3)], meta(4)), []);
}

#[test]
fn bucket_of_a_rebuild_is_not_applied() {
    let mut machine = Machine::hydrated(5);
    let (attempt, turn) = machine.until_scrubbed();
    let mut read = bucket(vec![envelope(3)], meta(5), turn);
    read.ended = Some(Meta {
        build: Build(2),
        ..meta(5)
    });
    assert_eq!(machine.take(Input::Scrubbed(attempt, read)), []);
}

#[test]
fn rebuild_begins_another_pass() {
    let mut machine = Machine::hydrated(5);
    let first = machine.scrub(vec![envelope(3)], in_two_buckets(5));
    let rebuilt = Meta {
        build: Build(2),
        ..in_two_buckets(5)
    };
    let second = machine.scrub(vec![envelope(4)], rebuilt);
    assert_ne!(repairs(&first), repairs(&second));
    assert_eq!(dropped(&second), None, "one bucket of it is left");
}

#[test]
fn hydration_ends_a_pass() {
    let mut machine = Machine::hydrated(5);
    machine.scrub(vec![envelope(3)], in_two_buckets(5));
    machine.take(heartbeat(9, None));
    machine.effects = machine.elapse(300);
    machine.finish_replay(Vec::new(), 9);
    machine.finish_hydration(meta(9));
    machine.effects = machine.elapse(200);
    machine.finish_replay(Vec::new(), 9);
    let effects = machine.scrub(vec![envelope(4)], in_two_buckets(9));
    assert_eq!(dropped(&effects), None, "one bucket of a new pass is left");
}

#[test]
fn nothing_is_dropped_after_a_value_that_cannot_be_read() {
    let mut machine = Machine::hydrated(5);
    let (attempt, turn) = machine.until_scrubbed();
    let mut read = bucket(Vec::new(), meta(5), turn);
    read.bucket = Some(ComparedBucket {
        envelopes: vec![envelope(3)],
        undecodable: 1,
        ..ComparedBucket::default()
    });
    let effects = machine.take(Input::Scrubbed(attempt, read)).to_vec();
    assert_eq!(repairs(&effects).len(), 1, "what can be read is applied");
    assert_eq!(dropped(&effects), None);
}

#[test]
fn what_the_catalog_has_already_is_marked_by_the_pass() {
    let mut machine = Machine::hydrated(5);
    let (attempt, turn) = machine.until_scrubbed();
    let mut read = bucket(vec![envelope(3)], meta(5), turn);
    let alike = vec![envelope(4).key];
    read.bucket.as_mut().unwrap().alike.clone_from(&alike);
    let effects = machine.take(Input::Scrubbed(attempt, read)).to_vec();
    assert_eq!(marked(&effects), [(alike, repairs(&effects)[0])]);
    assert!(dropped(&effects).is_some(), "it was the only bucket");
}

#[test]
fn bucket_without_its_mark_is_reported() {
    let mut machine = Machine::hydrated(5);
    let (attempt, turn) = machine.until_scrubbed();
    let mut read = bucket(Vec::new(), meta(5), turn);
    read.bucket = None;
    let effects = machine.take(Input::Scrubbed(attempt, read));
    assert_eq!(effects, [Effect::ReportLost(Build(1), 0)]);
}

#[test]
fn what_is_missing_goes_before_a_scrub() {
    let mut machine = Machine::hydrated(5);
    let (attempt, turn) = machine.until_scrubbed();
    machine.take(Input::Notice(slot(6)));
    assert!(replay_in(&machine.elapse(100)).is_some());
    let late = bucket(vec![envelope(3)], meta(5), turn);
    assert_eq!(machine.take(Input::Scrubbed(attempt, late)), []);
}

#[test]
fn tombstones_stay_while_a_bucket_is_read() {
    let mut machine = Machine::hydrated(5);
    machine.until_scrubbed();
    for _ in 0..70 {
        let asked = machine.elapse(100);
        machine.take(heartbeat(5, None));
        let forgets = |one: &Effect| matches!(one, Effect::ForgetTombstones(_));
        assert!(!asked.iter().any(forgets));
    }
}
