//! Wall clocks jump: those of both writers and of one reader, by a day, there and back.

use std::{net::SocketAddr, time::Duration};

use reqwest::StatusCode;
use shared::Timestamp;
use testkit::{clock::Clock, eventually};

use crate::{
    play::{Proof, seen},
    stage::Stage,
};

/// The reader whose clock jumps.
const JUMPING: usize = 1;

const DAY: Duration = Duration::from_hours(24);

/// In microseconds, as the database's time.
const HOUR: i64 = 3_600_000_000;

/// How soon a document expires that is written before a jump: well after that is seen. A jump lasts
/// until then.
const SHORT: i64 = 10_000_000;

pub(super) async fn jump(stage: &mut Stage) -> Proof {
    let clock = Clock::in_file(stage.fleet.file("clock"));
    stage.fleet.clock = Some(clock.clone());
    stage.set_out(JUMPING, true);
    stage.readers[JUMPING].signal("KILL");
    stage.restart_reader(JUMPING).await;
    stage.fleet.ready(&stage.readers[JUMPING]).await;
    stage.set_out(JUMPING, false);
    for index in 0..2 {
        stage.writers[index].signal("KILL");
        stage.restart_writer(index).await;
        stage.fleet.ready(&stage.writers[index]).await;
    }
    stage.fleet.clock = None;
    let reader = stage.readers[JUMPING].listen;
    let leader = stage.leader().await;
    let writer = stage.writers[leader].listen;
    let epoch = stage.head().await.epoch;
    write(stage, writer, "lasting", HOUR).await;
    let mut dates = vec![date(stage, reader).await];
    for is_ahead in [true, false] {
        // Written at the right time: a writer asks its own clock whether an expiry has passed.
        clock.jump_ahead(Duration::ZERO);
        write(stage, writer, "short", SHORT).await;
        let expiry = if is_ahead {
            clock.jump_ahead(DAY);
            HOUR
        } else {
            clock.fall_behind(DAY);
            -HOUR
        };
        let told = dates.clone();
        dates.push(other_day(stage, reader, &told).await);
        // The right clock would judge either otherwise.
        let status = put(stage, writer, "judged", expiry).await;
        assert_eq!(
            status.is_success(),
            !is_ahead,
            "its clock has jumped: {status}"
        );
        let acknowledged = stage.acknowledged();
        // Judged by the database's clock alone.
        until(stage, reader, "short", 200).await;
        until(stage, reader, "short", 404).await;
        assert_eq!(answer(stage, reader, "lasting").await, Some(200));
        assert!(acknowledged < stage.acknowledged(), "writes go on");
    }
    clock.jump_ahead(Duration::ZERO);
    assert_eq!(stage.head().await.epoch, epoch, "history is one");
    seen(format!(
        "Date of the reader: {}; the leader judged expiries by the same clock; epoch {epoch} all the \
         while",
        dates.join("; ")
    ))
}

async fn write(stage: &Stage, writer: SocketAddr, id: &str, lifetime: i64) {
    let status = put(stage, writer, id, lifetime).await;
    assert!(status.is_success(), "{id}: {status}");
}

/// Writes a document that expires so long after this moment of the database.
async fn put(stage: &Stage, writer: SocketAddr, id: &str, lifetime: i64) -> StatusCode {
    let now: i64 = sqlx::query_scalar("SELECT to_micros(clock_timestamp())")
        .fetch_one(&stage.fleet.database)
        .await
        .expect("the database answers");
    let expires_at = Timestamp(now + lifetime).to_string();
    let url = format!("http://{writer}/v1/notes/{id}");
    let request = stage.fleet.http.put(url).body("{}");
    let request = request
        .header("content-type", "application/json")
        .header("pressrun-expires-at", expires_at);
    request.send().await.expect("an answer").status()
}

async fn answer(stage: &Stage, reader: SocketAddr, id: &str) -> Option<u16> {
    let url = format!("http://{reader}/v1/notes/{id}");
    let answer = stage.fleet.http.get(url).send().await.ok()?;
    Some(answer.status().as_u16())
}

async fn until(stage: &Stage, reader: SocketAddr, id: &str, status: u16) {
    eventually("the reader goes by the database's clock", async || {
        (answer(stage, reader, id).await? == status).then_some(())
    })
    .await;
}

/// What a reader takes the time for. A lane makes this field; hyper's own, as writers send it,
/// stands still when a clock is set back.
async fn date(stage: &Stage, listen: SocketAddr) -> String {
    let url = format!("http://{listen}/v1/steady/1");
    let answer = stage.fleet.http.get(url).send().await;
    let answer = answer.expect("an answer");
    let date = answer.headers().get("date").expect("a date");
    date.to_str().expect("text").to_owned()
}

/// Waits until it takes it for another day's than any of those.
async fn other_day(stage: &Stage, listen: SocketAddr, told: &[String]) -> String {
    let day = |date: &str| date.split(' ').take(4).collect::<Vec<_>>().join(" ");
    eventually("the clock has jumped", async || {
        let date = date(stage, listen).await;
        let is_new = told.iter().all(|told| day(told) != day(&date));
        is_new.then_some(date)
    })
    .await
}
