//! Wall clocks jump: those of both writers and of one reader, by a day, there and back.

use std::{net::SocketAddr, time::Duration};

use shared::Timestamp;
use testkit::{clock::Clock, eventually};

use crate::{
    play::{Proof, seen},
    stage::Stage,
};

/// The reader whose clock jumps.
const JUMPING: usize = 1;

const DAY: Duration = Duration::from_hours(24);

/// How soon a document expires that is written before a jump: well after that is seen. A jump lasts
/// until then.
const SHORT: Duration = Duration::from_secs(10);

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
    write(stage, writer, "lasting", DAY / 24).await;
    let mut dates = vec![date(stage, reader).await, date(stage, writer).await];
    for set in [Clock::jump_ahead, Clock::fall_behind] {
        // Written at the right time: a writer asks its own clock whether an expiry has passed.
        clock.jump_ahead(Duration::ZERO);
        write(stage, writer, "short", SHORT).await;
        set(&clock, DAY);
        let told = dates.clone();
        for listen in [reader, writer] {
            dates.push(other_day(stage, listen, &told).await);
        }
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
        "Date of reader and leading writer: {}; epoch {epoch} all the while",
        dates.join("; ")
    ))
}

/// Writes a document that expires so long after this moment of the database.
async fn write(stage: &Stage, writer: SocketAddr, id: &str, lifetime: Duration) {
    let now: i64 = sqlx::query_scalar("SELECT to_micros(clock_timestamp())")
        .fetch_one(&stage.fleet.database)
        .await
        .expect("the database answers");
    let micros = i64::try_from(lifetime.as_micros()).expect("a short time");
    let expires_at = Timestamp(now + micros).to_string();
    let url = format!("http://{writer}/v1/notes/{id}");
    let request = stage.fleet.http.put(url).body("{}");
    let request = request
        .header("content-type", "application/json")
        .header("pressrun-expires-at", expires_at);
    let status = request.send().await.expect("an answer").status();
    assert!(status.is_success(), "{id}: {status}");
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

/// What a process takes the time for.
async fn date(stage: &Stage, listen: SocketAddr) -> String {
    let url = format!("http://{listen}/health");
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
