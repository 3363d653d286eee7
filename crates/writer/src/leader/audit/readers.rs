//! The readers that are asked.

use std::{collections::BTreeMap, time::Duration};

use bus::{Publisher, Registration, limits::READERS_MAX};
use reqwest::Url;
use serde::Deserialize;
use tokio::time::{Instant, timeout};

/// Between two looks at who has registered. It costs a walk through the names that the bus holds.
const LOOK_INTERVAL: Duration = Duration::from_secs(5);

/// How long the bus may take.
const LOOK_TIMEOUT: Duration = Duration::from_millis(500);

/// How long a reader is asked that does not register any more: one that is cut off from the bus is
/// the one to be asked.
const FORGOTTEN_AFTER: Duration = Duration::from_mins(1);

/// Those known, by id.
#[derive(Debug, Default)]
pub(super) struct Readers {
    known: BTreeMap<String, Known>,
    looked_at: Option<Instant>,
}

#[derive(Debug)]
struct Known {
    url: Url,
    registered_at: Instant,
}

/// The part of a reader's status that is needed here.
#[derive(Debug, Deserialize)]
struct Told {
    admin_url: Option<String>,
}

impl Readers {
    pub(super) fn len(&self) -> usize {
        self.known.len()
    }

    pub(super) fn is_empty(&self) -> bool {
        self.known.is_empty()
    }

    /// Their ids and admin planes.
    pub(super) fn all(&self) -> impl Iterator<Item = (&str, &Url)> {
        self.known
            .iter()
            .map(|(id, known)| (id.as_str(), &known.url))
    }

    /// Looks now and then. While the bus is away, all of them stay.
    pub(super) async fn refresh(&mut self, bus: &dyn Publisher) {
        let now = Instant::now();
        if self.looked_at.is_some_and(|at| now - at < LOOK_INTERVAL) {
            return;
        }
        self.looked_at = Some(now);
        if let Ok(Ok(registered)) = timeout(LOOK_TIMEOUT, bus.readers()).await {
            self.take(registered, now);
        }
    }

    /// Those without an address others can use are passed over, and so are new ones where there are
    /// [`READERS_MAX`] already: of a fleet whose processes begin and end all the time.
    pub(super) fn take(&mut self, registered: Vec<Registration>, now: Instant) {
        for one in registered {
            let has_room = self.known.len() < READERS_MAX || self.known.contains_key(&one.reader);
            if has_room && let Some(url) = admin_url(&one.status) {
                let known = Known {
                    url,
                    registered_at: now,
                };
                self.known.insert(one.reader, known);
            }
        }
        self.known
            .retain(|_id, known| now - known.registered_at < FORGOTTEN_AFTER);
    }
}

fn admin_url(status: &str) -> Option<Url> {
    let told: Told = serde_json::from_str(status).ok()?;
    Url::parse(&told.admin_url?).ok()
}
