//! Clients that read what was written, through any reader: `Pressrun-At-Least`.

use std::time::Duration;

use tokio::time::{MissedTickBehavior, interval};

use super::{Reads, Site, Target, acks::Ack, write};

/// Between two such reads of one reader.
const PAUSE: Duration = Duration::from_millis(50);

/// Reads documents that are never deleted, at least as new as their last acknowledged write, until
/// told to stop.
pub(super) async fn read(site: Site, reader: Target) -> Reads {
    let mut ticks = interval(PAUSE);
    ticks.set_missed_tick_behavior(MissedTickBehavior::Delay);
    let mut reads = Reads::default();
    while !site.is_over() {
        ticks.tick().await;
        let client = fastrand::u32(0..write::CLIENTS);
        let id = write::id(client, fastrand::u32(0..write::DOCUMENTS / 2));
        let Some(ack) = site.acks.last(&id) else {
            continue;
        };
        let was_out = reader.is_out();
        let outcome = read_at_least(&site, &reader, &id, &ack).await;
        if was_out || reader.is_out() {
            continue;
        }
        match outcome {
            Outcome::Right => reads.right += 1,
            Outcome::Refused => reads.refused += 1,
            Outcome::Failed(error) => reads
                .failed
                .push(format!("{}: {id}: {error}", reader.listen)),
            Outcome::Early(what) => {
                let position = ack.position;
                let early = format!("{}: {id} at least {position}: {what}", reader.listen);
                reads.wrong.push(early);
            }
        }
    }
    reads
}

enum Outcome {
    Right,
    /// Not reached within the reader's own patience, or of an epoch that has ended.
    Refused,
    Failed(String),
    /// Answered by a reader that did not have it.
    Early(String),
}

async fn read_at_least(site: &Site, reader: &Target, id: &str, ack: &Ack) -> Outcome {
    let url = format!("http://{}/v1/posts/{id}", reader.listen);
    let request = site.http.get(url);
    let request = request.header("pressrun-at-least", ack.position.to_string());
    let answer = match request.send().await {
        Ok(answer) => answer,
        Err(error) => return Outcome::Failed(error.to_string()),
    };
    let version = answer.headers().get("pressrun-document-version");
    let version: Option<u64> = version.and_then(|field| field.to_str().ok()?.parse().ok());
    match (answer.status().as_u16(), version) {
        (503 | 409, _) => Outcome::Refused,
        (200, Some(version)) if version >= ack.version => Outcome::Right,
        (200, version) => answered_early(site, ack, format!("version {version:?}")).await,
        (404, _) => answered_early(site, ack, "not there".to_owned()).await,
        (status, _) => Outcome::Failed(format!("status {status}")),
    }
}

/// Whatever is of an epoch above the token's may lack the write: the database has gone back.
async fn answered_early(site: &Site, ack: &Ack, what: String) -> Outcome {
    if site
        .epoch()
        .await
        .is_some_and(|epoch| epoch > ack.position.epoch.0)
    {
        Outcome::Refused
    } else {
        Outcome::Early(what)
    }
}
