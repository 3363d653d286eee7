//! The second source.

use super::*;
use crate::replica::{PollAttempt, Source, Tip};

impl Machine {
    pub(super) fn with_writer(sequence: u64) -> Self {
        Self::with(Sources::BusAndWriter).hydrate(sequence)
    }

    /// Without a word from the bus until a writer is asked.
    fn until_polled(&mut self) -> (PollAttempt, Tip) {
        let effects = self.elapse(700);
        poll_in(&effects).expect("a writer is asked")
    }

    /// A writer answers that it stands at `head`, with these changes.
    pub(super) fn answer(
        &mut self,
        attempt: PollAttempt,
        head: u64,
        changes: &[u64],
    ) -> Vec<Effect> {
        let mut all = self.take(Input::PollBegin(attempt, beat_at(head))).to_vec();
        let deliveries = changes.iter().map(|number| delivery(*number)).collect();
        all.extend_from_slice(self.take(Input::PollDeliveries(attempt, deliveries)));
        all.extend_from_slice(self.take(Input::PollEnd(attempt)));
        all
    }

    /// 10 ms, after which the bus repeats the latest nonce with this head.
    pub(super) fn confirm(&mut self, head: u64, nonce: &mut Option<u64>) -> Vec<Effect> {
        let effects = self.elapse(10);
        *nonce = probe_in(&effects).or(*nonce);
        self.take(heartbeat(head, *nonce));
        effects
    }
}

pub(super) fn poll_in(effects: &[Effect]) -> Option<(PollAttempt, Tip)> {
    effects.iter().find_map(|effect| match effect {
        Effect::Poll(attempt, tip) => Some((*attempt, *tip)),
        _ => None,
    })
}

fn hydration_from(effects: &[Effect]) -> Option<Source> {
    effects.iter().find_map(|effect| match effect {
        Effect::Hydrate(_, from, _) => Some(*from),
        _ => None,
    })
}

fn beat_at(head: u64) -> Heartbeat {
    match heartbeat(head, None) {
        Input::Heartbeat(beat) => beat,
        other => panic!("{other:?} is no heartbeat"),
    }
}

#[test]
fn writer_is_asked_once_the_bus_has_confirmed_nothing_for_600_ms() {
    let mut machine = Machine::with_writer(5);
    assert_eq!(poll_in(&machine.elapse(590)), None);
    assert_eq!(machine.replica.source(), Source::Bus);
    let (_, after) = poll_in(&machine.elapse(20)).expect("a writer is asked");
    assert_eq!((after.position, after.link), (position(5), Link(5)));
    assert_eq!(machine.replica.source(), Source::Writer);
}

#[test]
fn nobody_is_asked_where_there_is_no_writer() {
    let mut machine = Machine::hydrated(5);
    assert_eq!(poll_in(&machine.elapse(5_000)), None);
    assert_eq!(machine.replica.source(), Source::Bus);
}

#[test]
fn nobody_is_asked_while_the_bus_confirms() {
    let mut machine = Machine::with_writer(5);
    let mut nonce = None;
    for _ in 0..300 {
        let effects = machine.confirm(5, &mut nonce);
        assert_eq!(poll_in(&effects), None);
    }
}

#[test]
fn heartbeats_that_do_not_confirm_are_not_enough() {
    let mut machine = Machine::with_writer(5);
    let mut polled = false;
    for _ in 0..100 {
        machine.take(heartbeat(5, None));
        polled |= poll_in(&machine.elapse(10)).is_some();
    }
    assert!(polled);
}

#[test]
fn answer_of_a_writer_is_applied_as_a_replay_is() {
    let mut machine = Machine::with_writer(5);
    let (attempt, _) = machine.until_polled();
    let effects = machine.answer(attempt, 7, &[6, 7]);
    let applied = effects
        .iter()
        .filter(|one| matches!(one, Effect::Apply(..)));
    assert_eq!(applied.count(), 2);
    assert_eq!(machine.sequence(), Some(7));
    assert!(machine.replica.is_ready(), "a head was learned and reached");
    assert_eq!(machine.replica.counts().polls, 1);
}

#[test]
fn writer_is_asked_every_200_ms() {
    let mut machine = Machine::with_writer(5);
    let (attempt, _) = poll_in(&machine.elapse(600)).unwrap();
    machine.answer(attempt, 5, &[]);
    assert_eq!(poll_in(&machine.elapse(190)), None);
    assert!(poll_in(&machine.elapse(10)).is_some());
}

#[test]
fn one_poll_runs_at_a_time() {
    let mut machine = Machine::with_writer(5);
    machine.until_polled();
    assert_eq!(poll_in(&machine.elapse(5_000)), None);
}

#[test]
fn staleness_counts_from_when_the_poll_was_sent() {
    let mut machine = Machine::with_writer(5);
    let (attempt, _) = poll_in(&machine.elapse(600)).unwrap();
    let sent_at = machine.now;
    machine.elapse(100);
    machine.take(Input::PollBegin(attempt, beat_at(6)));
    assert_eq!(machine.replica.confirmed_at(), None, "6 is missing");
    machine.elapse(50);
    machine.take(Input::PollDeliveries(attempt, vec![delivery(6)]));
    assert_eq!(machine.replica.confirmed_at(), Some(sent_at));
}

#[test]
fn full_page_is_followed_by_the_next_at_once() {
    let mut machine = Machine::with_writer(5);
    let (attempt, _) = machine.until_polled();
    let effects = machine.answer(attempt, 9, &[6, 7]);
    let (_, after) = poll_in(&effects).expect("the next page is asked for");
    assert_eq!(after.position, position(7));
}

#[test]
fn changes_of_an_answer_that_is_cut_stay() {
    let mut machine = Machine::with_writer(5);
    let (attempt, _) = machine.until_polled();
    machine.take(Input::PollBegin(attempt, beat_at(9)));
    machine.take(Input::PollDeliveries(attempt, vec![delivery(6)]));
    machine.take(Input::PollFailed(attempt));
    assert_eq!(machine.sequence(), Some(6));
    assert_eq!(machine.replica.confirmed_at(), None, "9 is not reached");
    assert!(poll_in(&machine.elapse(1_000)).is_some(), "and asks again");
}

#[test]
fn answers_of_another_poll_are_discarded() {
    let mut machine = Machine::with_writer(5);
    let (attempt, _) = machine.until_polled();
    machine.take(Input::PollFailed(attempt));
    assert_eq!(machine.answer(attempt, 6, &[6]), []);
    assert_eq!(machine.sequence(), Some(5));
}

#[test]
fn refusal_hydrates_from_the_writer() {
    let mut machine = Machine::with_writer(5);
    let (attempt, _) = machine.until_polled();
    let head = Some(position(90));
    let effects = machine.take(Input::PollRefused(attempt, head));
    assert_eq!(hydration_from(effects), Some(Source::Writer));
    let attempt = machine.attempt();
    machine.take(Input::WriterSnapshotBegin(attempt, beat_at(90)));
    let effects = machine.take(Input::WriterSnapshotEnd(attempt, EPOCH));
    assert!(effects.contains(&Effect::DropUnseen(attempt, position(90))));
    assert_eq!(machine.sequence(), Some(90));
}

#[test]
fn refusal_with_a_later_epoch_moves_the_reader_to_it() {
    let mut machine = Machine::with_writer(5);
    let (attempt, _) = machine.until_polled();
    let mut restored = beat_at(2);
    restored.head.epoch = Epoch(EPOCH.0 + 1);
    machine.take(Input::PollRefused(attempt, Some(restored.head)));
    let attempt = machine.attempt();
    machine.take(Input::WriterSnapshotBegin(attempt, restored.clone()));
    machine.take(Input::WriterSnapshotEnd(attempt, restored.head.epoch));
    assert_eq!(machine.replica.position(), Some(restored.head));
}

#[test]
fn reader_boots_from_the_writer_alone() {
    let mut machine = Machine::with(Sources::BusAndWriter);
    machine.take(Input::Disconnected);
    machine.effects = machine.elapse(700);
    assert_eq!(hydration_from(&machine.effects), Some(Source::Writer));
    let attempt = machine.attempt();
    machine.take(Input::WriterSnapshotBegin(attempt, beat_at(3)));
    let effects = machine.take(Input::WriterSnapshotEnd(attempt, EPOCH));
    assert!(effects.contains(&Effect::SetReady(true)));
    assert!(poll_in(effects).is_some(), "and asks how fresh that is");
}

#[test]
fn hydration_from_a_bus_that_answers_is_not_abandoned() {
    let mut machine = Machine::with(Sources::BusAndWriter);
    machine.take(Input::Subscribed);
    let attempt = machine.attempt();
    machine.take(Input::SnapshotBegin(attempt, Some(meta(5))));
    assert_eq!(hydration_from(&machine.elapse(900)), None);
    machine.take(Input::SnapshotEnd(attempt, Some(meta(5))));
    assert_eq!(machine.sequence(), Some(5));
}

#[test]
fn hydration_from_a_bus_that_has_gone_is_abandoned() {
    let mut machine = Machine::with(Sources::BusAndWriter);
    machine.take(Input::Subscribed);
    let attempt = machine.attempt();
    machine.take(Input::SnapshotBegin(attempt, Some(meta(5))));
    machine.take(Input::Disconnected);
    let waited = machine.elapse(900);
    assert_eq!(hydration_from(&waited), None, "perhaps only cut off");
    let effects = machine.take(Input::Disconnected);
    assert_eq!(hydration_from(effects), Some(Source::Writer));
}

#[test]
fn snapshots_of_bus_and_writer_are_tried_in_turn_while_the_bus_does_not_confirm() {
    let mut machine = Machine::with(Sources::BusAndWriter);
    machine.elapse(590);
    machine.take(Input::Subscribed);
    let mut tried = vec![hydration_from(&machine.effects).unwrap()];
    let mut attempt = machine.attempt();
    for _ in 0..3 {
        machine.elapse(100);
        let failure = SnapshotFailure::Unavailable;
        machine.take(Input::SnapshotFailed(attempt, failure));
        tried.push(hydration_from(&machine.effects).unwrap());
        attempt = machine.attempt();
    }
    let (bus, writer) = (Source::Bus, Source::Writer);
    assert_eq!(tried, [bus, writer, bus, writer]);
}

#[test]
fn cut_snapshot_of_a_writer_changes_no_position() {
    let mut machine = Machine::with_writer(5);
    let (attempt, _) = machine.until_polled();
    machine.take(Input::PollRefused(attempt, Some(position(90))));
    let attempt = machine.attempt();
    machine.take(Input::WriterSnapshotBegin(attempt, beat_at(90)));
    let failure = SnapshotFailure::Unavailable;
    let effects = machine.take(Input::SnapshotFailed(attempt, failure));
    assert!(hydration_in(effects).is_some(), "and is tried again");
    assert_eq!(machine.sequence(), Some(5));
}

#[test]
fn snapshot_of_a_writer_behind_the_position_is_refused() {
    let mut machine = Machine::with_writer(5);
    let (attempt, _) = machine.until_polled();
    machine.take(Input::PollRefused(attempt, None));
    let attempt = machine.attempt();
    machine.take(Input::WriterSnapshotBegin(attempt, beat_at(4)));
    assert_eq!(machine.replica.counts().hydrations_failed, 1);
}

#[test]
fn bus_that_confirms_again_is_the_source_again() {
    let mut machine = Machine::with_writer(5);
    let (attempt, _) = machine.until_polled();
    machine.answer(attempt, 7, &[6, 7]);
    machine.take(Input::Disconnected);
    machine.take(Input::Subscribed);
    let mut nonce = None;
    for _ in 0..30 {
        machine.confirm(7, &mut nonce);
    }
    assert_eq!(machine.replica.source(), Source::Bus);
    assert_eq!(machine.sequence(), Some(7), "the position never falls");
}
