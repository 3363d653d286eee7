//! Beginning with the local snapshot.

use super::*;
use crate::replica::{LocalAttempt, LocalBegun, Tip};

impl Machine {
    /// One with a local snapshot, whose bus does not answer.
    fn alone() -> Self {
        let mut machine = Self::new();
        machine.replica.may_begin_locally();
        machine.take(Input::Disconnected);
        machine
    }

    /// Begun with a local snapshot up to `sequence`.
    fn begun_locally(sequence: u64) -> Self {
        let mut machine = Self::alone();
        let attempt = local_in(&machine.elapse(1_100)).expect("it is read");
        machine.read_locally(attempt, sequence);
        machine
    }

    fn read_locally(&mut self, attempt: LocalAttempt, sequence: u64) -> Vec<Effect> {
        let mut all = self
            .take(Input::LocalBegin(attempt, begun(sequence)))
            .to_vec();
        let Delivery { envelope, .. } = delivery(sequence);
        let chunk = Input::LocalChunk(attempt, vec![envelope.unwrap()]);
        all.extend_from_slice(self.take(chunk));
        all.extend_from_slice(self.take(Input::LocalEnd(attempt)));
        all
    }
}

fn begun(sequence: u64) -> LocalBegun {
    LocalBegun {
        tip: Tip {
            position: position(sequence),
            link: Link(sequence),
        },
        database_time: None,
        age: None,
    }
}

fn local_in(effects: &[Effect]) -> Option<LocalAttempt> {
    effects.iter().find_map(|effect| match effect {
        Effect::ReadLocal(attempt) => Some(*attempt),
        _ => None,
    })
}

#[test]
fn local_snapshot_is_read_where_nobody_has_answered_for_a_second() {
    let mut machine = Machine::alone();
    assert_eq!(local_in(&machine.elapse(990)), None);
    let attempt = local_in(&machine.elapse(20)).expect("it is read");
    let effects = machine.read_locally(attempt, 5);
    assert!(
        effects
            .iter()
            .any(|one| matches!(one, Effect::Apply(_, Some(_))))
    );
    assert!(effects.contains(&Effect::SetReady(true)));
    assert_eq!(machine.sequence(), Some(5));
    assert!(machine.replica.is_local());
    assert_eq!(
        machine.replica.confirmed_at(),
        None,
        "nobody knows how fresh"
    );
    assert_eq!(local_in(&machine.elapse(5_000)), None, "once");
}

#[test]
fn local_snapshot_is_not_read_where_the_bus_answers() {
    let mut machine = Machine::new();
    machine.replica.may_begin_locally();
    machine.take(Input::Subscribed);
    let attempt = machine.attempt();
    machine.take(Input::SnapshotBegin(attempt, Some(meta(5))));
    assert_eq!(local_in(&machine.elapse(3_000)), None, "it is being read");
    machine.take(Input::SnapshotEnd(attempt, Some(meta(5))));
    assert_eq!(local_in(&machine.elapse(3_000)), None);
}

#[test]
fn local_snapshot_is_read_where_the_bus_has_none() {
    let mut machine = Machine::new();
    machine.replica.may_begin_locally();
    machine.take(Input::Subscribed);
    let attempt = machine.attempt();
    machine.take(Input::SnapshotBegin(attempt, None));
    assert!(local_in(&machine.elapse(1_100)).is_some());
}

#[test]
fn without_a_local_snapshot_none_is_read() {
    let mut machine = Machine::new();
    machine.take(Input::Disconnected);
    assert_eq!(local_in(&machine.elapse(3_000)), None);
}

#[test]
fn bus_that_comes_back_replaces_the_local_snapshot() {
    let mut machine = Machine::begun_locally(5);
    machine.effects = machine.take(Input::Subscribed).to_vec();
    let attempt = ReplayAttempt(replay_in(&machine.effects).expect("a replay").0);
    let page = Replay {
        meta: Some(meta(6)),
        deliveries: vec![delivery(6)],
        more: false,
    };
    machine.take(Input::Replayed(attempt, page));
    assert_eq!(machine.sequence(), Some(6));
    assert!(
        machine.replica.is_local(),
        "nobody has said that this is all"
    );
    let nonce = probe_in(&machine.elapse(300));
    machine.take(heartbeat(6, nonce));
    assert!(!machine.replica.is_local());
    assert!(machine.replica.is_ready());
}

#[test]
fn hydration_that_is_faster_ends_the_reading() {
    let mut machine = Machine::alone();
    let attempt = local_in(&machine.elapse(1_100)).expect("it is read");
    machine.take(Input::LocalBegin(attempt, begun(5)));
    machine.take(Input::Subscribed);
    machine.finish_hydration(meta(9));
    let Delivery { envelope, .. } = delivery(5);
    let chunk = Input::LocalChunk(attempt, vec![envelope.unwrap()]);
    assert_eq!(machine.take(chunk), []);
    machine.take(Input::LocalEnd(attempt));
    assert_eq!(machine.sequence(), Some(9));
    assert!(!machine.replica.is_local());
}

#[test]
fn hydration_that_fails_after_all_leaves_the_reading_to_be_done_again() {
    let mut machine = Machine::alone();
    let first = local_in(&machine.elapse(1_100)).expect("it is read");
    machine.take(Input::LocalBegin(first, begun(5)));
    machine.take(Input::Subscribed);
    let attempt = machine.attempt();
    machine.take(Input::SnapshotBegin(attempt, Some(meta(3))));
    machine.take(Input::LocalEnd(first));
    assert_eq!(machine.sequence(), None, "what comes of both is of neither");
    let unavailable = Input::SnapshotFailed(attempt, SnapshotFailure::Unavailable);
    machine.effects = machine.take(unavailable).to_vec();
    let again = local_in(&machine.effects).expect("it is read again");
    machine.read_locally(again, 5);
    assert_eq!(machine.sequence(), Some(5));
}

/// The effect that drops what is not in the local snapshot, with its place among the others, and the
/// mark of what is.
fn drop_in(effects: &[Effect]) -> Option<(usize, Hydration, Position)> {
    let mut all = effects.iter().enumerate();
    all.find_map(|(index, effect)| match effect {
        Effect::DropLeft(mark, through) => Some((index, *mark, *through)),
        _ => None,
    })
}

/// What failed hydrations have left, and what came late over the feed meanwhile: the snapshot has no
/// tombstones to hold against it.
#[test]
fn what_is_not_in_the_local_snapshot_goes_at_its_end() {
    let mut machine = Machine::new();
    machine.replica.may_begin_locally();
    machine.take(Input::Subscribed);
    let attempt = machine.attempt();
    machine.take(Input::SnapshotBegin(attempt, Some(meta(3))));
    let Delivery { envelope, .. } = delivery(2);
    machine.take(Input::SnapshotChunk(attempt, vec![envelope.unwrap()]));
    machine.take(Input::SnapshotFailed(attempt, SnapshotFailure::Unavailable));
    let reading = local_in(&machine.elapse(1_100)).expect("it is read");
    let effects = machine.read_locally(reading, 5);
    let (at, mark, through) = drop_in(&effects).expect("something is dropped");
    let is_marked = |one: &Effect| matches!(one, Effect::Apply(_, Some(seen)) if *seen == mark);
    assert!(effects[..at].iter().any(is_marked));
    assert!(
        !effects[at..].iter().any(is_marked),
        "after all that it has"
    );
    assert_eq!(through, position(5));
    assert_ne!(mark, attempt);
}

#[test]
fn local_snapshot_of_an_ended_epoch_is_not_begun_with() {
    let mut machine = Machine::alone();
    let attempt = local_in(&machine.elapse(1_100)).expect("it is read");
    let Input::Heartbeat(mut beat) = heartbeat(2, None) else {
        panic!("that is no heartbeat");
    };
    beat.head.epoch = Epoch(EPOCH.0 + 1);
    machine.take(Input::Heartbeat(beat));
    machine.read_locally(attempt, 5);
    assert_eq!(machine.sequence(), None);
    assert!(!machine.replica.is_ready());
}

#[test]
fn file_that_is_ignored_changes_nothing() {
    let mut machine = Machine::alone();
    let attempt = local_in(&machine.elapse(1_100)).expect("it is read");
    machine.take(Input::LocalFailed(attempt));
    assert!(!machine.replica.is_ready());
    machine.read_locally(attempt, 5);
    assert_eq!(machine.sequence(), None, "it has failed");
}
