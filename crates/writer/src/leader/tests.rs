//! What the leader plans, and what it does slowly.

mod ahead;
mod compare;
mod retention;
mod stage;
mod walk;

use bus::{Build, Meta};
use shared::{Epoch, Link, Position, Sequence};

use super::{
    plan::{Plan, missed_after, plan},
    rebuild::buckets_for,
};
use crate::store::Tip;

fn tip(epoch: u64, sequence: u64, link: u64) -> Tip {
    Tip {
        position: Position::new(Epoch(epoch), Sequence(sequence)),
        link: Link(link),
    }
}

fn meta(epoch: u64, published_through: u64, link: u64) -> Meta {
    Meta {
        epoch: Epoch(epoch),
        term: 1,
        build: Build(1),
        buckets: 1,
        built: 0,
        complete: true,
        published_through: Sequence(published_through),
        log_from: Sequence(0),
        tip: Link(link),
    }
}

#[track_caller]
fn check(meta: Option<Meta>, database: Tip, missed_before: Option<u64>, expected: Plan) {
    let planned = plan(meta, database, missed_before.map(Sequence));
    assert_eq!(planned, expected);
}

#[test]
fn empty_bus_is_rebuilt() {
    check(None, tip(2, 5, 50), None, Plan::Rebuild);
}

#[test]
fn incomplete_snapshot_is_rebuilt() {
    let mut incomplete = meta(2, 5, 50);
    incomplete.complete = false;
    check(Some(incomplete), tip(2, 5, 50), Some(5), Plan::Rebuild);
}

#[test]
fn snapshot_of_an_ended_epoch_is_rebuilt() {
    check(Some(meta(1, 9, 90)), tip(2, 5, 50), Some(9), Plan::Rebuild);
}

#[test]
fn equal_tips_rest() {
    check(Some(meta(2, 5, 50)), tip(2, 5, 50), Some(5), Plan::Rest);
}

#[test]
fn slots_on_their_way_are_not_swept() {
    check(Some(meta(2, 5, 50)), tip(2, 7, 70), Some(4), Plan::Rest);
    check(Some(meta(2, 5, 50)), tip(2, 7, 70), None, Plan::Rest);
}

#[test]
fn slots_missing_for_a_round_are_swept() {
    let behind = meta(2, 5, 50);
    check(Some(behind), tip(2, 7, 70), Some(5), Plan::Sweep(behind));
}

#[test]
fn slots_are_missed_only_below_the_head() {
    let holds_five = meta(2, 5, 50);
    assert_eq!(
        missed_after(Some(&holds_five), tip(2, 6, 60)),
        Some(Sequence(5))
    );
    assert_eq!(missed_after(Some(&holds_five), tip(2, 5, 50)), None);
    assert_eq!(missed_after(None, tip(2, 5, 50)), None);
}

#[tokio::test]
async fn slot_that_came_after_a_quiet_round_is_swept_a_round_later() {
    let mut stage = stage::stage().await;
    stage.publish(&[stage::put("a", "[1]")]).await;
    stage.round().await;
    let before = stage.count(|all| &all.swept);
    stage.commit(&[stage::put("b", "[2]")]).await;

    stage.round().await;
    assert_eq!(stage.count(|all| &all.swept), before, "it is on its way");
    stage.round().await;
    assert_eq!(stage.count(|all| &all.swept), before + 1);
    assert!(stage.held("b").await.is_some());
}

#[test]
fn database_behind_the_bus_is_asked_which_history_stands() {
    check(
        Some(meta(2, 9, 90)),
        tip(2, 7, 70),
        Some(9),
        Plan::Confirm(tip(2, 9, 90)),
    );
    check(
        Some(meta(3, 1, 10)),
        tip(2, 7, 70),
        Some(1),
        Plan::Confirm(tip(3, 1, 10)),
    );
}

#[test]
fn other_link_at_the_same_position_is_asked_about() {
    check(
        Some(meta(2, 7, 71)),
        tip(2, 7, 70),
        Some(7),
        Plan::Confirm(tip(2, 7, 71)),
    );
}

#[test]
fn buckets_are_a_power_of_two_near_a_512th() {
    let cases = [
        (0, 1),
        (1, 1),
        (512, 1),
        (513, 2),
        (200_000, 512),
        (1 << 40, 65_536),
    ];
    for (documents, buckets) in cases {
        assert_eq!(buckets_for(documents), buckets, "{documents} documents");
    }
}
