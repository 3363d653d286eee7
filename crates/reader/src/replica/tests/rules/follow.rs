//! Following and replaying.

use super::*;

#[test]
fn starts_by_connecting_then_hydrates() {
    let mut machine = Machine::new();
    assert_eq!(machine.effects, [Effect::Connect(Duration::ZERO)]);
    let effects = machine.take(Input::Subscribed);
    assert!(hydration_in(effects).is_some());
    assert_eq!(machine.replica.state(), State::Hydrating);
}

#[test]
fn live_changes_in_line_advance_the_position() {
    let mut machine = Machine::hydrated(5);
    let effects = machine.take(Input::Delivery(delivery(6)));
    assert!(matches!(effects, [Effect::Apply(..)]));
    assert_eq!(machine.sequence(), Some(6));
}

#[test]
fn changes_at_or_below_the_position_are_ignored() {
    let mut machine = Machine::hydrated(5);
    assert_eq!(machine.take(Input::Delivery(delivery(5))), []);
    assert_eq!(machine.sequence(), Some(5));
}

#[test]
fn changes_out_of_order_are_applied_at_once_and_counted_in_order() {
    let mut machine = Machine::hydrated(5);
    let effects = machine.take(Input::Delivery(delivery(7)));
    assert!(matches!(effects, [Effect::Apply(..)]));
    assert_eq!(machine.sequence(), Some(5));
    machine.take(Input::Delivery(delivery(6)));
    assert_eq!(machine.sequence(), Some(7));
}

#[test]
fn hole_is_replayed_once_it_is_100_ms_old() {
    let mut machine = Machine::hydrated(5);
    machine.take(Input::Delivery(delivery(7)));
    assert_eq!(replay_in(&machine.elapse(90)), None);
    assert!(replay_in(&machine.elapse(20)).is_some());
}

#[test]
fn head_is_replayed_once_it_is_250_ms_overdue() {
    let mut machine = Machine::hydrated(5);
    machine.take(heartbeat(6, None));
    assert_eq!(replay_in(&machine.elapse(240)), None);
    assert!(replay_in(&machine.elapse(20)).is_some());
}

#[test]
fn notice_is_replayed_at_once() {
    let mut machine = Machine::hydrated(5);
    machine.elapse(200);
    let effects = machine.take(Input::Notice(slot(6)));
    assert!(replay_in(effects).is_some());
    machine.finish_replay(vec![delivery(6)], 6);
    assert_eq!(machine.sequence(), Some(6));
}

#[test]
fn reconnect_is_a_gap() {
    let mut machine = Machine::hydrated(5);
    assert!(connects(machine.take(Input::Disconnected)));
    assert_eq!(machine.replica.counts().gaps, 1);
    let effects = machine.take(Input::Subscribed);
    assert!(replay_in(effects).is_some());
}

#[test]
fn silence_of_one_second_reconnects() {
    let mut machine = Machine::hydrated(5);
    assert!(!connects(&machine.elapse(990)));
    assert!(connects(&machine.elapse(20)));
    assert_eq!(machine.replica.state(), State::Connecting);
}

#[test]
fn heartbeats_keep_the_connection() {
    let mut machine = Machine::hydrated(5);
    for _ in 0..10 {
        machine.take(heartbeat(5, None));
        assert!(!connects(&machine.elapse(900)));
    }
}

#[test]
fn slot_missing_from_the_log_but_published_hydrates() {
    let mut machine = Machine::hydrated(5);
    machine.take(heartbeat(9, None));
    machine.effects = machine.elapse(300);
    machine.finish_replay(Vec::new(), 9);
    assert!(hydration_in(&machine.effects).is_some());
}

#[test]
fn slot_missing_from_the_log_and_not_published_waits() {
    let mut machine = Machine::hydrated(5);
    machine.take(heartbeat(9, None));
    machine.effects = machine.elapse(300);
    machine.finish_replay(Vec::new(), 5);
    assert_eq!(machine.effects, []);
    assert!(replay_in(&machine.elapse(200)).is_some(), "and asks again");
}

#[test]
fn envelope_older_than_its_slot_is_not_applied() {
    let mut machine = Machine::hydrated(5);
    let mut contradiction = delivery(6);
    contradiction.slot = slot(7);
    let effects = machine.take(Input::Delivery(contradiction));
    assert!(
        !effects
            .iter()
            .any(|effect| matches!(effect, Effect::Apply(..)))
    );
    assert_eq!(machine.replica.counts().undecodable, 1);
}

#[test]
fn slot_that_comes_twice_is_one() {
    let mut machine = Machine::hydrated(5);
    machine.take(Input::Delivery(delivery(7)));
    machine.take(Input::Delivery(delivery(7)));
    machine.take(Input::Delivery(delivery(6)));
    assert_eq!(machine.sequence(), Some(7));
    assert_eq!(machine.replica.counts().forks, 0);
}

#[test]
fn slot_with_two_links_is_a_fork_and_is_filled_by_neither() {
    for prev_link in [Link(6), Link(98)] {
        let mut machine = Machine::hydrated(5);
        let mut other = delivery(7);
        other.slot.prev_link = prev_link;
        other.slot.link = Link(99);
        machine.take(Input::Delivery(other));
        machine.take(Input::Delivery(delivery(7)));
        assert_eq!(machine.replica.counts().forks, 1);
        machine.take(Input::Delivery(delivery(6)));
        assert_eq!(machine.sequence(), Some(6), "which 7 stands is not known");
        machine.take(Input::Delivery(delivery(7)));
        assert_eq!(machine.sequence(), Some(7), "until it is told again");
    }
}
