//! Hydration: which snapshots are taken, and what stays meanwhile.

use super::*;

#[test]
fn link_mismatch_holds_the_position_and_hydrates() {
    let mut machine = Machine::hydrated(5);
    let mut forked = delivery(6);
    forked.slot.prev_link = Link(99);
    let effects = machine.take(Input::Delivery(forked));
    assert!(hydration_in(effects).is_some());
    assert_eq!(machine.sequence(), Some(5));
    assert_eq!(machine.replica.counts().forks, 1);
}

#[test]
fn snapshot_at_the_position_with_another_link_is_refused() {
    let mut machine = Machine::hydrated(5);
    let mut forked = delivery(6);
    forked.slot.prev_link = Link(99);
    machine.take(Input::Delivery(forked));
    let attempt = machine.attempt();
    let mut other = meta(5);
    other.tip = Link(77);
    machine.take(Input::SnapshotBegin(attempt, Some(other)));
    assert_eq!(machine.replica.counts().hydrations_failed, 1);
}

#[test]
fn snapshot_behind_the_position_is_refused() {
    let mut machine = Machine::hydrated(5);
    machine.take(heartbeat(9, None));
    machine.effects = machine.elapse(300);
    machine.finish_replay(Vec::new(), 9);
    let attempt = machine.attempt();
    machine.take(Input::SnapshotBegin(attempt, Some(meta(4))));
    assert_eq!(machine.replica.counts().hydrations_failed, 1);
    assert_eq!(machine.sequence(), Some(5));
}

#[test]
fn snapshot_that_was_rebuilt_meanwhile_is_refused() {
    let mut machine = Machine::new();
    machine.take(Input::Subscribed);
    let attempt = machine.attempt();
    machine.take(Input::SnapshotBegin(attempt, Some(meta(5))));
    let mut rebuilt = meta(5);
    rebuilt.build = Build(2);
    let effects = machine.take(Input::SnapshotEnd(attempt, Some(rebuilt)));
    assert!(hydration_in(effects).is_some(), "and tried again");
    assert_eq!(machine.sequence(), None);
}

#[test]
fn incomplete_snapshot_is_refused() {
    let mut machine = Machine::new();
    machine.take(Input::Subscribed);
    let attempt = machine.attempt();
    let mut incomplete = meta(5);
    incomplete.complete = false;
    let effects = machine.take(Input::SnapshotBegin(attempt, Some(incomplete)));
    assert!(hydration_in(effects).is_some(), "and tried again");
}

#[test]
fn inputs_of_abandoned_attempts_are_discarded() {
    let mut machine = Machine::new();
    machine.take(Input::Subscribed);
    let abandoned = machine.attempt();
    machine.take(Input::SnapshotBegin(abandoned, Some(meta(5))));
    let failure = SnapshotFailure::Unavailable;
    machine.take(Input::SnapshotFailed(abandoned, failure));
    let current = machine.attempt();
    machine.take(Input::SnapshotBegin(current, Some(meta(5))));
    let late = machine.take(Input::SnapshotEnd(abandoned, Some(meta(5))));
    assert_eq!(late, []);
    assert_eq!(machine.sequence(), None);
}

#[test]
fn lost_bucket_is_reported() {
    let mut machine = Machine::new();
    machine.take(Input::Subscribed);
    let attempt = machine.attempt();
    machine.take(Input::SnapshotBegin(attempt, Some(meta(5))));
    let failure = SnapshotFailure::BucketLost(Build(1), 0);
    let effects = machine.take(Input::SnapshotFailed(attempt, failure));
    assert!(effects.contains(&Effect::ReportLost(Build(1), 0)));
}

#[test]
fn later_epoch_hydrates_and_lower_epoch_is_ignored() {
    let mut machine = Machine::hydrated(5);
    let mut later = meta(2);
    later.epoch = Epoch(EPOCH.0 + 1);
    let Input::Heartbeat(mut beat) = heartbeat(2, None) else {
        unreachable!()
    };
    beat.head.epoch = later.epoch;
    machine.take(Input::Heartbeat(beat));
    machine.finish_hydration(later);
    assert_eq!(machine.replica.position(), Some(later.position()));
    assert_eq!(machine.take(Input::Delivery(delivery(6))), []);
}

#[test]
fn tombstones_are_forgotten_up_to_the_position_while_at_rest() {
    let mut machine = Machine::hydrated(5);
    let mut asked = Vec::new();
    for _ in 0..8 {
        machine.take(heartbeat(5, None));
        asked.extend(machine.elapse(900));
    }
    assert!(asked.contains(&Effect::ForgetTombstones(position(5))));
}

#[test]
fn tombstones_stay_while_a_hydration_runs() {
    let mut machine = Machine::hydrated(5);
    machine.elapse(4_900);
    machine.take(Input::Subscribed);
    machine.finish_replay(Vec::new(), 9);
    assert_eq!(machine.replica.state(), State::Hydrating);
    for _ in 0..3 {
        machine.take(heartbeat(5, None));
        let asked = machine.elapse(900);
        assert!(
            !asked
                .iter()
                .any(|effect| matches!(effect, Effect::ForgetTombstones(_)))
        );
    }
}
