//! Clients that write.

use std::{net::SocketAddr, time::Duration};

use serde_json::{Value, json};
use shared::Position;
use tokio::time::{Instant, MissedTickBehavior, interval, sleep};

use super::{Site, acks::Ack, cut::Cut};

/// How many clients write, each documents of its own.
pub(super) const CLIENTS: u32 = 6;

/// Documents of each. The lower half is never deleted.
pub(super) const DOCUMENTS: u32 = 40;

/// Writes a second over all clients, while writers answer at once.
pub(crate) const WRITES_PER_SECOND: u32 = 120;

/// After a write that was refused or not answered, where nothing else paces a client.
const REFUSED_PAUSE: Duration = Duration::from_millis(20);

/// A document of a client.
pub(super) fn id(client: u32, number: u32) -> String {
    format!("w{client}-{number}")
}

/// Writes until told to stop, and gives how many writes were not acknowledged.
pub(super) async fn write(site: Site, writers: Vec<SocketAddr>, client: u32) -> u64 {
    let mut ticks = interval(Duration::from_secs(1) * CLIENTS / WRITES_PER_SECOND);
    ticks.set_missed_tick_behavior(MissedTickBehavior::Delay);
    let mut refused = 0;
    while !site.is_over() {
        ticks.tick().await;
        refused += u64::from(!write_one(&site, &writers, client).await);
    }
    refused
}

/// The same without a pause: as soon as one write is answered, the next is sent.
pub(super) async fn press(site: Site, writers: Vec<SocketAddr>, client: u32) -> u64 {
    let mut refused = 0;
    while !site.is_over() {
        if !write_one(&site, &writers, client).await {
            refused += 1;
            sleep(REFUSED_PAUSE).await;
        }
    }
    refused
}

/// Whether it was acknowledged, or there was nothing to be done.
async fn write_one(site: &Site, writers: &[SocketAddr], client: u32) -> bool {
    let number = fastrand::u32(0..DOCUMENTS);
    let id = id(client, number);
    let is_deletion = number >= DOCUMENTS / 2 && fastrand::u8(0..3) == 0;
    let writer = writers[fastrand::usize(0..writers.len())];
    let began_at = Instant::now();
    let answer = if is_deletion {
        delete(site, writer, &id).await
    } else {
        create(site, writer, &id).await
    };
    match answer {
        Answer::Acknowledged(ack) => site.acks.note(&id, ack),
        Answer::Unchanged => {}
        Answer::Refused => return false,
        Answer::Cut => {
            site.cuts.note(Cut {
                writer,
                began_at,
                ended_at: Instant::now(),
            });
            return false;
        }
    }
    true
}

enum Answer {
    Acknowledged(Ack),
    /// There was nothing to be deleted.
    Unchanged,
    Refused,
    /// It was sent, and the connection ended without an answer: what was asked for may have been
    /// done.
    Cut,
}

/// A request that could not be sent was never under way.
fn unanswered(error: &reqwest::Error) -> Answer {
    if error.is_connect() || error.is_timeout() {
        Answer::Refused
    } else {
        Answer::Cut
    }
}

async fn create(site: &Site, writer: SocketAddr, id: &str) -> Answer {
    // Of all lengths, those that are compressed among them.
    let filler = "chaos ".repeat(fastrand::usize(0..200));
    let content = format!("{:016x} {filler}", fastrand::u64(..));
    let post = json!({"id": id, "title": id, "content": content, "author": "chaos"});
    let request = site
        .http
        .post(format!("http://{writer}/create"))
        .json(&post);
    let answer = match request.send().await {
        Ok(answer) => answer,
        Err(error) => return unanswered(&error),
    };
    if !answer.status().is_success() {
        return Answer::Refused;
    }
    let told = match answer.json::<Value>().await {
        Ok(told) => told,
        Err(error) => return unanswered(&error),
    };
    let position = told["position"].as_str().and_then(|text| text.parse().ok());
    acknowledged(position, told["version"].as_u64(), Some(content))
}

async fn delete(site: &Site, writer: SocketAddr, id: &str) -> Answer {
    let url = format!("http://{writer}/v1/posts/{id}");
    let answer = match site.http.delete(url).send().await {
        Ok(answer) => answer,
        Err(error) => return unanswered(&error),
    };
    match answer.status().as_u16() {
        404 => Answer::Unchanged,
        204 => {
            let position = answer.headers().get("pressrun-position");
            let position = position.and_then(|field| field.to_str().ok()?.parse().ok());
            acknowledged(position, Some(0), None)
        }
        _ => Answer::Refused,
    }
}

/// An acknowledgement has a position and a version: one that has none is a defect.
fn acknowledged(
    position: Option<Position>,
    version: Option<u64>,
    content: Option<String>,
) -> Answer {
    let (position, version) = position
        .zip(version)
        .expect("an acknowledged write tells position and version");
    Answer::Acknowledged(Ack {
        at: Instant::now(),
        position,
        version,
        content,
    })
}
