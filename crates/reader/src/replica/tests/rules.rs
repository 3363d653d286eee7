//! Each rule of following by itself.

mod poll;
mod scrub;

use std::time::Duration;

use bus::{Build, Meta, Replay};
use shared::{
    Change, Delivery, Envelope, Epoch, Heartbeat, Link, Position, ResourceKey, Sequence, Slot,
    Timestamp, Version, codec::DecodeError, feed::Probe,
};

use super::super::{
    Effect, Input, ReplayAttempt, Replica, SnapshotFailure, Sources, State, Timing,
};
use crate::catalog::Hydration;

const EPOCH: Epoch = Epoch(1_700_000_000_000_000);

/// A machine and the effects of its last step.
struct Machine {
    now: Duration,
    replica: Replica,
    effects: Vec<Effect>,
}

impl Machine {
    fn new() -> Self {
        Self::with(Sources::Bus)
    }

    fn with(sources: Sources) -> Self {
        let (replica, effects) = Replica::start("me".to_owned(), sources, Timing::DEFAULT, 1);
        Self {
            now: Duration::ZERO,
            replica,
            effects,
        }
    }

    /// Hydrated to `sequence`, with the replay that follows answered.
    fn hydrated(sequence: u64) -> Self {
        Self::new().hydrate(sequence)
    }

    fn hydrate(self, sequence: u64) -> Self {
        let mut machine = self;
        machine.take(Input::Subscribed);
        machine.finish_hydration(meta(sequence));
        machine.finish_replay(Vec::new(), sequence);
        machine
    }

    fn take(&mut self, input: Input) -> &[Effect] {
        self.effects.clear();
        self.replica.step(self.now, input, &mut self.effects);
        &self.effects
    }

    /// Lets time pass in ticks of 10 ms and gives all that was asked for meanwhile.
    fn elapse(&mut self, ms: u64) -> Vec<Effect> {
        let mut all = Vec::new();
        for _ in 0..ms / 10 {
            self.now += Duration::from_millis(10);
            all.extend_from_slice(self.take(Input::Tick));
        }
        all
    }

    fn attempt(&self) -> Hydration {
        hydration_in(&self.effects).expect("a hydration was asked for")
    }

    fn finish_hydration(&mut self, meta: Meta) {
        let attempt = self.attempt();
        self.take(Input::SnapshotBegin(attempt, Some(meta)));
        self.take(Input::SnapshotEnd(attempt, Some(meta)));
    }

    fn finish_replay(&mut self, deliveries: Vec<Delivery>, published_through: u64) {
        let attempt = replay_in(&self.effects).expect("a replay was asked for");
        let page = Replay {
            meta: Some(meta(published_through)),
            deliveries,
            more: false,
        };
        self.take(Input::Replayed(attempt, page));
    }

    fn sequence(&self) -> Option<u64> {
        self.replica.position().map(|position| position.sequence.0)
    }
}

fn hydration_in(effects: &[Effect]) -> Option<Hydration> {
    effects.iter().find_map(|effect| match effect {
        Effect::Hydrate(attempt, ..) => Some(*attempt),
        _ => None,
    })
}

fn replay_in(effects: &[Effect]) -> Option<ReplayAttempt> {
    effects.iter().find_map(|effect| match effect {
        Effect::Replay(attempt, _) => Some(*attempt),
        _ => None,
    })
}

fn connects(effects: &[Effect]) -> bool {
    effects
        .iter()
        .any(|effect| matches!(effect, Effect::Connect(_)))
}

fn probe_in(effects: &[Effect]) -> Option<u64> {
    effects.iter().find_map(|effect| match effect {
        Effect::Probe(nonce) => Some(*nonce),
        _ => None,
    })
}

fn position(sequence: u64) -> Position {
    Position::new(EPOCH, Sequence(sequence))
}

/// The link of each change in these tests is its number.
fn slot(sequence: u64) -> Slot {
    Slot {
        position: position(sequence),
        prev_link: Link(sequence - 1),
        link: Link(sequence),
    }
}

fn delivery(sequence: u64) -> Delivery {
    let slot = slot(sequence);
    let envelope = Envelope {
        position: slot.position,
        prev_link: slot.prev_link,
        link: slot.link,
        version: Version(1),
        updated_at: Timestamp(0),
        expires_at: None,
        key: ResourceKey::parse("docs", "a").unwrap(),
        change: Change::Delete,
        extensions: Vec::new(),
    };
    Delivery {
        slot,
        envelope: Ok(envelope),
    }
}

fn unreadable(sequence: u64) -> Delivery {
    Delivery {
        slot: slot(sequence),
        envelope: Err(DecodeError::Format(2)),
    }
}

fn heartbeat(head: u64, nonce: Option<u64>) -> Input {
    Input::Heartbeat(Heartbeat {
        head: position(head),
        link: Link(head),
        database_time: Timestamp(0),
        probes: nonce
            .map(|nonce| Probe {
                reader: "me".to_owned(),
                nonce,
            })
            .into_iter()
            .collect(),
    })
}

fn meta(published_through: u64) -> Meta {
    Meta {
        epoch: EPOCH,
        term: 1,
        build: Build(1),
        buckets: 1,
        built: 1,
        complete: true,
        published_through: Sequence(published_through),
        log_from: Sequence(0),
        tip: Link(published_through),
    }
}

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
fn ready_only_once_a_head_learned_after_the_start_is_reached() {
    let mut machine = Machine::hydrated(5);
    assert!(!machine.replica.is_ready());
    machine.take(heartbeat(6, None));
    assert!(!machine.replica.is_ready());
    let effects = machine.take(Input::Delivery(delivery(6)));
    assert!(effects.contains(&Effect::SetReady(true)));
}

#[test]
fn undecodable_envelope_holds_the_position_and_unreadies() {
    let mut machine = Machine::hydrated(5);
    machine.take(heartbeat(5, None));
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
