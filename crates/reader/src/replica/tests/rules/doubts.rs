//! Changes that may be of a history that the database has lost.

use super::{poll::poll_in, *};
use crate::replica::{PollAttempt, Source, Tip};

/// At 5, with a writer to ask, and the nonce that the bus confirms.
fn following() -> (Machine, Option<u64>) {
    let mut machine = Machine::with_writer(5);
    let mut nonce = None;
    for _ in 0..30 {
        machine.confirm(5, &mut nonce);
    }
    (machine, nonce)
}

fn tip(sequence: u64, link: u64) -> Tip {
    Tip {
        position: position(sequence),
        link: Link(link),
    }
}

/// Answers each question to a writer with "go on, there is nothing", for as long as some come.
fn asked(machine: &mut Machine, first: Option<(PollAttempt, Tip)>) -> Vec<Tip> {
    let mut asked = Vec::new();
    let mut question = first;
    while let Some((attempt, after)) = question {
        asked.push(after);
        question = poll_in(machine.take(Input::PollEnd(attempt)));
    }
    asked
}

#[test]
fn link_mismatch_makes_a_writer_compare_both() {
    let (mut machine, _) = following();
    let mut forked = delivery(6);
    forked.slot.prev_link = Link(99);
    let first = poll_in(machine.take(Input::Delivery(forked)));
    assert_eq!(machine.replica.source(), Source::Bus);
    assert_eq!(asked(&mut machine, first), [tip(5, 5), tip(6, 6)]);
}

#[test]
fn head_behind_the_position_makes_a_writer_compare_the_tip() {
    let (mut machine, nonce) = following();
    let first = poll_in(machine.take(heartbeat(4, nonce)));
    assert_eq!(machine.replica.source(), Source::Bus);
    assert_eq!(asked(&mut machine, first), [tip(5, 5)]);
}

#[test]
fn slot_with_two_links_makes_a_writer_compare_both() {
    let (mut machine, _) = following();
    machine.take(Input::Delivery(delivery(7)));
    let mut other = delivery(7);
    other.slot.link = Link(99);
    let effects = machine.take(Input::Delivery(other));
    assert!(hydration_in(effects).is_some());
    let first = poll_in(effects);
    assert_eq!(asked(&mut machine, first), [tip(7, 7), tip(7, 99)]);
    assert_eq!(machine.replica.counts().forks, 1);
}

#[test]
fn question_without_an_answer_is_asked_again() {
    let (mut machine, _) = following();
    let mut forked = delivery(6);
    forked.slot.prev_link = Link(99);
    let (attempt, _) = poll_in(machine.take(Input::Delivery(forked))).expect("a writer is asked");
    machine.take(Input::PollFailed(attempt));
    let again = poll_in(&machine.elapse(500));
    assert_eq!(asked(&mut machine, again), [tip(5, 5), tip(6, 6)]);
}

#[test]
fn epoch_that_ends_takes_its_doubts_with_it() {
    let (mut machine, _) = following();
    let mut forked = delivery(6);
    forked.slot.prev_link = Link(99);
    let (attempt, _) = poll_in(machine.take(Input::Delivery(forked))).expect("a writer is asked");
    let next = Position::new(Epoch(EPOCH.0 + 1), Sequence(5));
    machine.take(Input::PollRefused(attempt, Some(next)));
    assert_eq!(poll_in(&machine.elapse(300)), None);
}

/// At 5 with changes of these slots applied, then lifted to 12 by a snapshot.
fn lifted_over(slots: &[u64]) -> Machine {
    let (mut machine, _) = following();
    for sequence in slots {
        machine.take(Input::Delivery(delivery(*sequence)));
    }
    machine.effects = machine.elapse(250);
    machine.finish_replay(Vec::new(), 12);
    machine.finish_hydration(meta(12));
    machine
}

#[test]
fn slots_that_nothing_joins_to_a_snapshot_are_compared() {
    let mut machine = lifted_over(&[7, 8, 10]);
    let first = poll_in(&machine.effects);
    assert_eq!(asked(&mut machine, first), [tip(10, 10), tip(8, 8)]);
}

#[test]
fn slots_that_links_join_to_a_snapshot_are_of_its_history() {
    let mut machine = lifted_over(&[10, 11, 12, 13]);
    let first = poll_in(&machine.effects);
    assert_eq!(asked(&mut machine, first), []);
}
