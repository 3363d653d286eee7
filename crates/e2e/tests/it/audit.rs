//! The auditor over whole processes: readers that follow are found consistent, one that is cut off
//! from Redis and from writers is found stale, one that is frozen is found to say nothing.

use std::{cell::Cell, net::SocketAddr};

use fleet::{Fleet, Node, loopback};
use serde_json::Value;
use testkit::{
    cable::{Cable, Weather},
    eventually,
};

use crate::load::Load;

/// Consistent, stale and unanswered, at the longest delay.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct Found {
    consistent: u64,
    stale: u64,
    unanswered: u64,
}

async fn found(fleet: &Fleet, writer: &Node) -> Option<Found> {
    let status = fleet.status(writer).await?;
    let last = status["audit"]["delays"].as_array()?.last()?.clone();
    assert_eq!(last["delay_ms"], 5000);
    let number = |name: &str| last[name].as_u64();
    Some(Found {
        consistent: number("consistent")?,
        stale: number("stale")?,
        unanswered: number("unanswered")?,
    })
}

/// Waits until so many more questions came to this.
async fn until_more(
    fleet: &Fleet,
    writer: &Node,
    what: &str,
    count: fn(&Found) -> u64,
    more: u64,
) -> Found {
    let before = found(fleet, writer).await.expect("a status");
    eventually(what, async || {
        let now = found(fleet, writer).await?;
        (count(&now) >= count(&before) + more).then_some(now)
    })
    .await
}

/// Waits until so many questions, one after the other, were answered with what was committed. On a
/// busy machine a reader may need longer than it is given, now and then.
async fn until_in_a_row(fleet: &Fleet, writer: &Node, many: u64) -> Found {
    let before = Cell::new(found(fleet, writer).await.expect("a status"));
    eventually("both readers follow", async || {
        let now = found(fleet, writer).await?;
        let Found {
            stale, unanswered, ..
        } = before.get();
        if (now.stale, now.unanswered) != (stale, unanswered) {
            before.set(now);
        }
        (now.consistent >= before.get().consistent + many).then_some(now)
    })
    .await
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn auditor_tells_a_reader_held_back_from_those_that_follow() {
    let fleet = Fleet::start().await;
    // As often as may be, so that there is much to count.
    let often = ["--audit-samples-per-second=10".to_owned()];
    let writer = fleet.writer_with("writer-1", &often).await;
    let redis = SocketAddr::from(([127, 0, 0, 1], fleet.redis.port()));
    let cables = [Cable::start(redis).await, Cable::start(writer.admin).await];
    let held_back = fleet.reader_over(
        "held-back",
        &format!("redis://{}", cables[0].address()),
        &[format!("http://{}", cables[1].address())],
        loopback(),
        loopback(),
    );
    let other = fleet.reader("other");
    for reader in [&held_back, &other] {
        fleet.ready(reader).await;
    }
    let load = Load::start(&fleet, &[writer.listen], 50, &[other.listen]).await;

    let all = until_in_a_row(&fleet, &writer, 40).await;

    for cable in &cables {
        cable.set(Weather::Cut);
    }
    let cut = until_more(&fleet, &writer, "one is found stale", |it| it.stale, 20).await;
    assert!(all.consistent < cut.consistent, "the other still follows");
    // What was on its way when the cable was cut has come by now.
    let stands_at = sequence(&fleet, &held_back).await;
    until_more(&fleet, &writer, "it stays stale", |it| it.stale, 5).await;
    assert_eq!(sequence(&fleet, &held_back).await, stands_at);

    held_back.signal("STOP");
    until_more(&fleet, &writer, "it says nothing", |it| it.unanswered, 10).await;
    held_back.signal("CONT");
    for cable in &cables {
        cable.set(Weather::Clear);
    }
    eventually("it has caught up", async || {
        let head = fleet.status(&writer).await?["head"].as_u64()?;
        (sequence(&fleet, &held_back).await >= head).then_some(())
    })
    .await;
    let tally = load.stop().await;
    tally.check();
    let metrics = fleet.http.get(format!("http://{}/metrics", writer.admin));
    let metrics = metrics.send().await.expect("an answer").text().await;
    let metrics = metrics.expect("a text");
    let stale = r#"pressrun_audit_after_5s_total{outcome="stale"} "#;
    let line = metrics.lines().find_map(|line| line.strip_prefix(stale));
    let counted: u64 = line.expect("the metric").parse().expect("a number");
    assert!(cut.stale <= counted, "{counted}");
}

async fn sequence(fleet: &Fleet, reader: &Node) -> u64 {
    let status: Value = fleet.status(reader).await.expect("a status");
    status["sequence"].as_u64().expect("it holds something")
}
