//! PostgreSQL dies, stays away, ends its sessions, and comes back from a backup.

use std::time::Duration;

use shared::{Epoch, Position, Sequence};
use sqlx::{Connection, PgConnection};
use testkit::eventually;
use tokio::time::sleep;

use crate::{
    load::Forgiven,
    play::{Proof, seen},
    stage::Stage,
};

pub(super) async fn killed(stage: &mut Stage) -> Proof {
    let before = stage.postgres.pid().expect("PostgreSQL runs");
    // Batches are always in flight under this load. KILL leaves no time to finish one.
    stage.postgres.signal("KILL");
    stage.postgres.restart().await;
    let after = stage.postgres.pid().expect("PostgreSQL runs");
    assert_ne!(before, after);
    stage.acknowledged_more(1).await;
    seen(format!("process {before} killed, {after} in its place"))
}

pub(super) async fn away(stage: &mut Stage) -> Proof {
    stage.postgres.stop();
    let acknowledged = stage.acknowledged();
    sleep(Duration::from_secs(10)).await;
    let meanwhile = stage.acknowledged() - acknowledged;
    let staleness = stage.reader_number(0, "staleness_ms").await;
    let staleness = staleness.expect("the reader tells how stale it is");
    assert!(
        staleness > 5000,
        "readers say that they are stale: {staleness} ms"
    );
    stage.postgres.restart().await;
    stage.acknowledged_more(1).await;
    seen(format!(
        "{meanwhile} writes acknowledged meanwhile; readers said {staleness} ms"
    ))
}

pub(super) async fn sessions_ended(stage: &mut Stage) -> Proof {
    const ENDED: &str = "SELECT sum(sessions_killed)::bigint FROM pg_stat_database";
    let count = async |stage: &Stage| {
        let count: i64 = eventually("a session", async || {
            sqlx::query_scalar(ENDED)
                .fetch_one(&stage.fleet.database)
                .await
                .ok()
        })
        .await;
        count
    };
    let before = count(stage).await;
    for _ in 0..10 {
        stage.postgres.end_sessions(&stage.fleet.database_url).await;
        sleep(Duration::from_millis(600)).await;
    }
    stage.acknowledged_more(1).await;
    let ended = count(stage).await - before;
    assert!(ended >= 20, "{ended} sessions ended");
    seen(format!("{ended} sessions ended"))
}

pub(super) async fn restored(stage: &mut Stage) -> Proof {
    let before = stage.head().await;
    let url = stage.fleet.database_url.clone();
    let backup = stage.postgres.copy_database(&url).await;
    let after = head_of(&backup).await;
    stage.acknowledged_more(300).await;
    let lost = stage.head().await.sequence.0 - after.sequence.0;
    stage.postgres.replace_database(&url, &backup).await;
    let epoch = eventually("a new epoch begins", async || {
        let head = stage.head().await;
        (head.epoch > before.epoch).then_some(head.epoch)
    })
    .await;
    assert!(lost >= 300, "the backup lacks {lost} changes");
    Proof {
        seen: format!(
            "{lost} changes gone with the backup; epoch {} to {epoch}",
            before.epoch
        ),
        forgiven: Some(Forgiven { after }),
    }
}

/// Where a backup ends.
async fn head_of(url: &str) -> Position {
    let mut connection = PgConnection::connect(url)
        .await
        .expect("the backup can be read");
    let (epoch, head): (i64, i64) = sqlx::query_as("SELECT epoch, head FROM feed")
        .fetch_one(&mut connection)
        .await
        .expect("the feed row");
    connection.close().await.expect("the session ends");
    Position::new(
        Epoch(epoch.try_into().expect("an epoch")),
        Sequence(head.try_into().expect("a sequence")),
    )
}
