//! Clients that read.

use std::{collections::HashMap, time::Duration};

use tokio::time::{MissedTickBehavior, interval};

use super::{Reads, Site, Target, write};

/// Between two reads of one reader.
const PAUSE: Duration = Duration::from_millis(15);

/// What is served of a document: version and content; `None` where there is none.
type Served = Option<(u64, String)>;

/// The body of a document that stays.
pub(crate) fn steady_body(number: u32) -> String {
    format!(r#"{{"number":{number},"text":"{}"}}"#, "steady ".repeat(20))
}

/// Reads documents that stay and documents that change, in turn, until told to stop.
pub(super) async fn read(site: Site, reader: Target, steady: u32) -> Reads {
    let mut ticks = interval(PAUSE);
    ticks.set_missed_tick_behavior(MissedTickBehavior::Delay);
    let mut reads = Reads::default();
    let mut versions = Versions {
        epoch: site.epoch().await,
        highest: HashMap::new(),
    };
    while !site.is_over() {
        ticks.tick().await;
        let was_out = reader.is_out();
        let number = fastrand::u32(0..steady);
        let is_steady = fastrand::bool();
        let path = if is_steady {
            format!("steady/{number}")
        } else {
            let client = fastrand::u32(0..write::CLIENTS);
            format!(
                "posts/{}",
                write::id(client, fastrand::u32(0..write::DOCUMENTS))
            )
        };
        let served = get(&site, &reader, &path).await;
        if was_out || reader.is_out() {
            continue;
        }
        let wrong = match served {
            Err(failure) => {
                reads
                    .failed
                    .push(format!("{}: {path}: {failure}", reader.listen));
                continue;
            }
            Ok(served) if is_steady => check_steady(served, number),
            Ok(served) => versions.check(&site, &path, served).await,
        };
        match wrong {
            None => reads.right += 1,
            Some(wrong) => reads
                .wrong
                .push(format!("{}: {path}: {wrong}", reader.listen)),
        }
    }
    reads
}

fn check_steady(served: Served, number: u32) -> Option<String> {
    match served {
        None => Some("it is not there".to_owned()),
        Some((_, body)) if body != steady_body(number) => Some(format!("it is {body}")),
        Some(_) => None,
    }
}

/// The highest versions that a reader has served.
#[derive(Debug)]
struct Versions {
    /// The database's, before any fault.
    epoch: Option<u64>,
    /// With the epoch in which each was last allowed to fall.
    highest: HashMap<String, (u64, Option<u64>)>,
}

impl Versions {
    /// No version falls, unless the database has gone back itself: then once, into its new epoch.
    async fn check(&mut self, site: &Site, path: &str, served: Served) -> Option<String> {
        let (version, _) = served?;
        let first = (version, self.epoch);
        let (highest, fell_in) = self.highest.entry(path.to_owned()).or_insert(first);
        if version >= *highest {
            *highest = version;
            return None;
        }
        let before = *highest;
        let epoch = site.epoch().await;
        if epoch > *fell_in {
            (*highest, *fell_in) = (version, epoch);
            return None;
        }
        Some(format!("version {version} after version {before}"))
    }
}

async fn get(site: &Site, reader: &Target, path: &str) -> Result<Served, String> {
    let url = format!("http://{}/v1/{path}", reader.listen);
    let answer = site.http.get(url).send().await;
    let answer = answer.map_err(|error| error.to_string())?;
    match answer.status().as_u16() {
        404 => Ok(None),
        200 => {
            let version = answer.headers().get("pressrun-document-version");
            let version = version.and_then(|field| field.to_str().ok()?.parse().ok());
            let version = version.ok_or("no version")?;
            let body = answer.text().await.map_err(|error| error.to_string())?;
            Ok(Some((version, body)))
        }
        status => Err(format!("status {status}")),
    }
}
