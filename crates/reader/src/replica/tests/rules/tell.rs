//! What the reader says of itself: ready, and how fresh.

use super::*;

#[test]
fn ready_only_once_a_head_read_after_the_start_is_reached() {
    let mut machine = Machine::hydrated(5);
    let nonce = probe_in(&machine.elapse(10));
    assert!(!machine.replica.is_ready());
    machine.take(heartbeat(6, nonce));
    assert!(!machine.replica.is_ready());
    let effects = machine.take(Input::Delivery(delivery(6)));
    assert!(effects.contains(&Effect::SetReady(true)));
}

#[test]
fn heartbeat_that_may_have_been_read_before_the_start_readies_nobody() {
    let mut machine = Machine::hydrated(5);
    let nonce = probe_in(&machine.elapse(10)).expect("a nonce is sent");
    machine.take(heartbeat(5, None));
    machine.take(heartbeat(5, Some(nonce.wrapping_sub(1))));
    assert!(!machine.replica.is_ready());
    let effects = machine.take(heartbeat(5, Some(nonce)));
    assert!(effects.contains(&Effect::SetReady(true)));
}

#[test]
fn head_behind_what_was_held_before_confirms_nothing() {
    let mut machine = Machine::hydrated(5);
    let nonce = probe_in(&machine.elapse(10));
    machine.take(heartbeat(4, nonce));
    assert_eq!(machine.replica.confirmed_at(), None);
    assert!(!machine.replica.is_ready());
    assert_eq!(machine.replica.counts().forks, 1);
}

#[test]
fn head_read_before_the_latest_changes_came_is_no_fork() {
    let mut machine = Machine::hydrated(5);
    let nonce = probe_in(&machine.elapse(10));
    machine.take(Input::Delivery(delivery(6)));
    machine.take(heartbeat(5, nonce));
    assert_eq!(machine.replica.counts().forks, 0);
    assert!(machine.replica.confirmed_at().is_some());
}

#[test]
fn undecodable_envelope_holds_the_position_and_unreadies() {
    let mut machine = Machine::hydrated(5);
    let nonce = probe_in(&machine.elapse(10));
    machine.take(heartbeat(5, nonce));
    assert!(machine.replica.is_ready());
    let effects = machine.take(Input::Delivery(unreadable(6)));
    assert!(effects.contains(&Effect::SetReady(false)));
    machine.take(Input::Delivery(delivery(7)));
    assert_eq!(machine.sequence(), Some(5));
    let effects = machine.take(Input::Delivery(delivery(6)));
    assert!(effects.contains(&Effect::SetReady(true)));
    assert_eq!(machine.sequence(), Some(7));
}

#[test]
fn staleness_counts_from_when_the_nonce_was_sent() {
    let mut machine = Machine::hydrated(5);
    assert_eq!(machine.replica.confirmed_at(), None);
    let nonce = probe_in(&machine.elapse(10)).expect("a nonce is sent");
    let sent_at = machine.now;
    machine.elapse(100);
    machine.take(heartbeat(6, Some(nonce)));
    assert_eq!(
        machine.replica.confirmed_at(),
        None,
        "its head is not reached"
    );
    machine.elapse(50);
    machine.take(Input::Delivery(delivery(6)));
    assert_eq!(machine.replica.confirmed_at(), Some(sent_at));
}

#[test]
fn nonces_of_others_prove_nothing() {
    let mut machine = Machine::hydrated(5);
    let nonce = probe_in(&machine.elapse(10)).expect("a nonce is sent");
    machine.take(heartbeat(5, Some(nonce.wrapping_add(1))));
    assert_eq!(machine.replica.confirmed_at(), None);
}
