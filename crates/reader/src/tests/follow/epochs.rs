//! Histories that end.

use super::World;
use crate::reached::NotReached;

#[tokio::test(start_paused = true)]
async fn higher_epoch_moves_the_reader_to_the_restored_history() {
    let world = World::ready().await;
    let backup = world.origin.back_up();
    world.origin.put("a", "lost").await;
    world.origin.put("b", "lost too").await;
    world.until_converged().await;
    let ended = world.position();

    world.origin.restore(&backup);
    world.origin.rebuild().await;

    world.until_converged().await;
    assert!(
        ended < world.position(),
        "a position of a later epoch is higher"
    );
    assert_eq!(world.now().sequence, Some(1));
    assert_eq!(world.served("a").as_deref(), Some("first"));
    assert_eq!(world.served("b"), None);
    assert!(!world.holds("b"));
}

#[tokio::test(start_paused = true)]
async fn old_set_is_served_until_the_new_epoch_has_a_snapshot() {
    let world = World::ready().await;
    let backup = world.origin.back_up();
    world.origin.put("b", "lost").await;
    world.until_converged().await;

    world.origin.restore(&backup);
    world
        .until("it hears of the new epoch and lacks its snapshot", |now| {
            now.state == "hydrating" && now.lag.is_none()
        })
        .await;
    assert!(world.now().ready);
    assert_eq!(world.served("b").as_deref(), Some("lost"));

    world.origin.rebuild().await;
    world.until_converged().await;
    assert_eq!(world.served("b"), None);
}

#[tokio::test(start_paused = true)]
async fn position_of_an_epoch_that_ends_is_refused_before_anything_of_the_next_is_served() {
    let world = World::ready().await;
    let backup = world.origin.back_up();
    world.origin.put("a", "lost").await;
    world.until_converged().await;
    let written = world.position().expect("it follows");
    assert_eq!(world.reached.at_least(written).await, Ok(()));

    world.origin.restore(&backup);
    // Incomplete, so that the reader cannot hydrate yet; live changes come nevertheless.
    let rebuild = world.origin.begin_rebuild().await;
    world.origin.put("a", "of the next").await;
    world.until_served("a", "of the next").await;

    let next = world.origin.head().epoch;
    assert_eq!(world.position(), Some(written), "it has not hydrated");
    let ended = Err(NotReached::EpochEnded(next));
    assert_eq!(world.reached.at_least(written).await, ended);
    rebuild.finish().await;
    world.until_converged().await;
    assert_eq!(world.reached.at_least(written).await, ended);
}

#[tokio::test(start_paused = true)]
async fn change_of_an_ended_epoch_is_ignored() {
    let world = World::ready().await;
    let backup = world.origin.back_up();
    let late = world.origin.commit_put("a", "of the ended epoch");
    world.origin.restore(&backup);
    world.origin.rebuild().await;
    world.until_converged().await;

    let refused = world.origin.try_publish(&late).await;
    assert_eq!(
        refused,
        bus::PublishOutcome::Refused(bus::Refusal::OtherEpoch)
    );

    world.origin.put("b", "after").await;
    world.until_served("b", "after").await;
    assert_eq!(world.served("a").as_deref(), Some("first"));
}

#[tokio::test(start_paused = true)]
async fn lower_epoch_in_the_bus_is_not_followed() {
    let world = World::ready().await;
    let of_the_first = world.bus.checkpoint();
    let backup = world.origin.back_up();
    world.origin.restore(&backup);
    world.origin.rebuild().await;
    world.origin.put("a", "of the second epoch").await;
    world.until_converged().await;
    let held = world.position();

    world.bus.roll_back(&of_the_first);
    world
        .until("it follows again", |now| {
            now.gaps == 1 && now.state == "following"
        })
        .await;
    assert_eq!(world.position(), held);
    assert_eq!(world.served("a").as_deref(), Some("of the second epoch"));

    world.origin.rebuild().await;
    world.origin.put("a", "later").await;
    world.until_served("a", "later").await;
}
