//! The master of Redis dies, and those who watch it put another one in its place.

use std::mem::replace;

use testkit::eventually;
use tokio::time::Instant;

use crate::{
    play::{Proof, seen},
    stage::Stage,
};

/// Acknowledged writes that no replica gets.
const LACKED: u64 = 200;

pub(super) async fn master_killed(stage: &mut Stage) -> Proof {
    let before = stage.fleet.redis.port();
    let replicas = stage.others.replicas_of(before).await;
    assert!(!replicas.is_empty(), "the master has replicas");
    // They fall behind, as asynchronous replicas may.
    for &index in &replicas {
        stage.others.servers[index].fall_behind().await;
    }
    stage.acknowledged_more(LACKED).await;
    let through = stage.published().await;
    let made = stage.fleet.redis.replicated().await;
    let mut got = 0;
    for &index in &replicas {
        got = got.max(stage.others.servers[index].replicated().await);
    }
    assert!(got < made, "every replica lacks changes: {got} {made}");

    let (killed_at, acknowledged) = (Instant::now(), stage.acknowledged());
    stage.fleet.redis.kill();
    let promoted = eventually("a replica is promoted", async || {
        for &index in &replicas {
            let is_master = stage.others.servers[index].is_master().await == Some(true);
            if is_master && stage.others.is_acknowledged(index).await {
                return Some(index);
            }
        }
        None
    })
    .await;
    let took = killed_at.elapsed();
    let meanwhile = stage.acknowledged() - acknowledged;

    let promoted = stage.others.servers.remove(promoted);
    let after = promoted.port();
    let former = replace(&mut stage.fleet.redis, promoted);
    assert_ne!(before, after, "another server is the master");
    for server in stage.others.servers.iter().chain([&stage.fleet.redis]) {
        server.follow_again().await;
    }
    returned(stage, former).await;
    seen(format!(
        "master :{before} killed at {through} changes, replica :{after} promoted after {took:.1?} without \
         the last {} octets; {meanwhile} writes meanwhile; :{before} came back as its replica",
        made - got
    ))
}

/// Starts the former master again, and waits until it replicates the new one.
async fn returned(stage: &mut Stage, mut former: testkit::redis::RedisServer) {
    former.restart().await;
    let master = stage.fleet.redis.port();
    eventually("the former master replicates the new one", async || {
        (former.follows().await == Some(master)).then_some(())
    })
    .await;
    stage.others.servers.push(former);
}
