//! Nothing happens: what the leader's auditor finds then.

use std::{fmt::Write, time::Duration};

use serde_json::Value;
use tokio::time::{Instant, sleep};

use crate::{
    play::{Proof, seen},
    stage::Stage,
};

/// Writing clients beyond those of the steady load: 500 writes a second with them.
const CLIENTS: u32 = 19;

const WHILE: Duration = Duration::from_mins(1);

/// Until those questions are answered that were put before the load rose.
const SETTLING: Duration = Duration::from_secs(6);

pub(super) async fn audited(stage: &mut Stage) -> Proof {
    let listen: Vec<_> = stage.writers.iter().map(|it| it.listen).collect();
    let load = stage.load.as_mut().expect("the load runs");
    load.add_writing(&listen, CLIENTS);
    sleep(SETTLING).await;
    let leader = stage.leader().await;
    let before = delays(stage, leader).await;
    let (began, acknowledged) = (Instant::now(), stage.acknowledged());
    sleep(WHILE).await;
    let after = delays(stage, leader).await;
    let writes = stage.acknowledged() - acknowledged;
    let mut told = format!("{writes} writes within {} s", began.elapsed().as_secs());
    for (before, after) in before.iter().zip(&after) {
        let more = |name: &str| after[name].as_u64().zip(before[name].as_u64());
        let more = |name: &str| more(name).map_or(0, |(after, before)| after - before);
        let (consistent, stale) = (more("consistent"), more("stale"));
        let unanswered = more("unanswered");
        assert!(consistent > 0, "readers were asked: {after}");
        // A String takes all that is written.
        let written = write!(
            told,
            "; after {} ms {consistent} answers consistent, {stale} stale, {unanswered} missing",
            after["delay_ms"]
        );
        debug_assert!(written.is_ok());
    }
    let last = after.last().expect("the longest delay");
    assert_eq!(last["stale"], 0, "readers are fresh after 5 s: {told}");
    seen(told)
}

/// What the auditor has found so far, by delay.
async fn delays(stage: &Stage, leader: usize) -> Vec<Value> {
    let status = stage.fleet.status(&stage.writers[leader]).await;
    let status = status.expect("a status");
    let delays = status["audit"]["delays"].as_array();
    delays.expect("the auditor tells").clone()
}
