//! Writers and readers die and freeze.

use std::time::Duration;

use testkit::eventually;
use tokio::time::{Instant, sleep};

use crate::{
    play::{Proof, seen},
    stage::Stage,
};

/// Kills of writers with writes under way.
const KILLS: usize = 200;

/// Clients that write as fast as they are answered, so that some write is under way all the time.
const PRESSING_CLIENTS: u32 = 16;

pub(super) async fn writers_killed(stage: &mut Stage) -> Proof {
    let mut pids = Vec::new();
    for round in 0..6 {
        let index = round % 2;
        let pid = stage.writers[index].process.pid();
        pids.push(pid.expect("the writer runs").to_string());
        stage.writers[index].signal("KILL");
        until_gone(stage, index).await;
        stage.acknowledged_more(30).await;
        stage.restart_writer(index).await;
        stage.fleet.ready(&stage.writers[index]).await;
        stage.acknowledged_more(30).await;
    }
    seen(format!("processes {} ended by SIGKILL", pids.join(", ")))
}

/// As soon as one is back, it or the other is killed. Only kills that cut a write off count.
pub(super) async fn writers_killed_over_and_over(stage: &mut Stage) -> Proof {
    let listen: Vec<_> = stage.writers.iter().map(|it| it.listen).collect();
    let load = stage.load.as_mut().expect("the load runs");
    load.press(&listen, PRESSING_CLIENTS);
    let began = Instant::now();
    let before = stage.acknowledged();
    let (mut kills, mut cut, mut idle) = (0, 0, 0);
    while kills < KILLS {
        let index = fastrand::usize(0..2);
        let alive_at = Instant::now();
        stage.writers[index].signal("KILL");
        stage.restart_writer(index).await;
        stage.fleet.ready(&stage.writers[index]).await;
        stage.acknowledged_more(1).await;
        let load = stage.load.as_ref().expect("the load runs");
        match load.cut_at(listen[index], alive_at) {
            0 => idle += 1,
            writes => {
                kills += 1;
                cut += writes;
            }
        }
        assert!(idle < KILLS, "most kills meet writes under way");
    }
    let writes = stage.acknowledged() - before;
    let took = began.elapsed().as_secs();
    seen(format!(
        "{kills} processes ended by SIGKILL within {took} s with {cut} writes under way, which were \
         never answered, and {idle} more with none; {writes} writes acknowledged meanwhile"
    ))
}

/// Waits until a writer that was killed does not answer any more.
async fn until_gone(stage: &Stage, index: usize) {
    let writer = &stage.writers[index];
    eventually("the writer is gone", async || {
        let status = stage.fleet.status(writer).await;
        status.is_none().then_some(())
    })
    .await;
}

pub(super) async fn leader_frozen(stage: &mut Stage) -> Proof {
    let frozen = stage.leader().await;
    let other = 1 - frozen;
    let term = stage
        .fleet
        .status(&stage.writers[frozen])
        .await
        .expect("a status")["term"]
        .clone();
    stage.writers[frozen].signal("STOP");
    let next = eventually("the other leads", async || {
        let status = stage.fleet.status(&stage.writers[other]).await?;
        (status["leader"] == true).then(|| status["term"].clone())
    })
    .await;
    sleep(Duration::from_secs(8)).await;
    stage.writers[frozen].signal("CONT");
    eventually("the former leader knows that it is none", async || {
        let status = stage.fleet.status(&stage.writers[frozen]).await?;
        (status["leader"] == false).then_some(())
    })
    .await;
    assert!(term.as_u64() < next.as_u64(), "{term} {next}");
    seen(format!("term {term} to {next} while its leader was frozen"))
}

pub(super) async fn reader_killed(stage: &mut Stage) -> Proof {
    let pid = stage.readers[0].process.pid().expect("the reader runs");
    stage.set_out(0, true);
    stage.readers[0].signal("KILL");
    eventually("the reader is gone", async || {
        stage
            .fleet
            .status(&stage.readers[0])
            .await
            .is_none()
            .then_some(())
    })
    .await;
    // It starts while Redis is being filled again.
    let before = stage.build().await.expect("there is a snapshot");
    let () = stage.fleet.redis.command(&["FLUSHALL"]).await;
    stage.restart_reader(0).await;
    stage.fleet.ready(&stage.readers[0]).await;
    stage.set_out(0, false);
    let after = eventually("the snapshot is rebuilt", async || {
        let build = stage.build().await.filter(|build| *build != before)?;
        stage.published_through().await.map(|_| build)
    })
    .await;
    let next = stage.readers[0].process.pid().expect("the reader runs");
    assert_ne!(pid, next);
    seen(format!(
        "process {pid} killed, {next} started; build {before} to {after}"
    ))
}

pub(super) async fn reader_frozen(stage: &mut Stage) -> Proof {
    stage.set_out(1, true);
    let before = stage
        .reader_number(1, "sequence")
        .await
        .expect("a position");
    stage.readers[1].signal("STOP");
    sleep(Duration::from_secs(20)).await;
    let head = stage.head().await.sequence.0;
    stage.readers[1].signal("CONT");
    let woke_at = eventually("the reader answers again", async || {
        stage.reader_number(1, "sequence").await
    })
    .await;
    stage.set_out(1, false);
    assert!(before < head, "writes went on");
    seen(format!(
        "frozen at {before}, woke at {woke_at}, the head at {head}"
    ))
}
