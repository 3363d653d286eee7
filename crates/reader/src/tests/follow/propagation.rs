//! How long changes took, as `/metrics` tells it.

use std::time::Duration;

use shared::Timestamp;
use telemetry::{Metrics, metrics::DurationHistogram};
use testkit::eventually;
use tokio::time::Instant;

use super::World;
use crate::follow::Propagation;

/// How many took at most so many seconds, as the bound is written.
fn within(durations: &DurationHistogram, bound: &str) -> u64 {
    let mut metrics = Metrics::new();
    metrics.area("feed").durations("propagation", "", durations);
    let text = metrics.to_text();
    let line = format!("pressrun_feed_propagation_seconds_bucket{{le=\"{bound}\"}} ");
    let count = text.lines().find_map(|one| one.strip_prefix(&line));
    count.expect("a bucket").parse().expect("a count")
}

fn all(durations: &DurationHistogram) -> u64 {
    within(durations, "+Inf")
}

#[tokio::test(start_paused = true)]
async fn a_change_is_counted_from_its_commit_until_it_is_served() {
    let world = World::ready().await;
    let durations = world.status.propagation();
    assert_eq!(all(durations), 0, "a hydration brings no changes");

    world.origin.put("a", "at once").await;
    world.until_served("a", "at once").await;
    assert_eq!((within(durations, "0.5"), all(durations)), (1, 1));

    let committed_at = Instant::now();
    let late = world.origin.commit_put("a", "late");
    eventually("three seconds pass", async || {
        (committed_at.elapsed() >= Duration::from_secs(3)).then_some(())
    })
    .await;
    world.origin.publish(&late).await;
    world.until_served("a", "late").await;
    let took = (within(durations, "2.0"), within(durations, "5.0"));
    assert_eq!((took, all(durations)), ((1, 2), 2));

    world.bus.disconnect_all();
    world.origin.put("b", "missed").await;
    world.until_served("b", "missed").await;
    assert_eq!(all(durations), 3, "one that a replay brings is counted too");
}

#[test]
fn the_way_from_the_bus_is_added_and_other_clocks_are_not_asked() {
    const NOON: Timestamp = Timestamp(1_790_000_000_000_000);
    let after = |ms: i64| Some(Timestamp(NOON.0 + ms * 1_000));
    let check = |probes: &[u64], told, followed_ms, bound, expected| {
        let durations = DurationHistogram::new();
        let mut propagation = Propagation::new(durations.clone());
        propagation.probed(Duration::from_millis(1));
        propagation.reconnects();
        for &ms in probes {
            propagation.probed(Duration::from_millis(ms));
        }
        propagation.served(NOON, told, Duration::from_millis(followed_ms));
        let counted = (within(&durations, bound), all(&durations));
        assert_eq!(counted, expected, "{probes:?} {told:?} {followed_ms}");
    };
    check(&[], after(4), 1_000, "0.005", (1, 1));
    check(&[], after(6), 1_000, "0.005", (0, 1));
    // Half of the quickest probe over this connection.
    check(&[90, 20, 60], after(9), 1_000, "0.02", (1, 1));
    check(&[90, 20, 60], after(11), 1_000, "0.02", (0, 1));
    // It has overtaken the quickest heartbeat.
    check(&[], after(-3), 1_000, "0.0005", (1, 1));
    check(&[], None, 1_000, "+Inf", (0, 0));
    // Committed before the process followed, as what it reads after a start with a local snapshot.
    check(&[], after(1_000), 1_000, "1.0", (1, 1));
    check(&[], after(1_001), 1_000, "+Inf", (0, 0));
}
