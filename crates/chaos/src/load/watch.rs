//! Whether readers are honest about how old their answers are.

use std::time::Duration;

use serde_json::Value;
use shared::{Epoch, Position, Sequence};
use tokio::time::{Instant, MissedTickBehavior, interval};

use super::{Site, Target};

/// Between two questions to one reader.
const PAUSE: Duration = Duration::from_millis(100);

/// Staleness is told in whole milliseconds, rounded down.
const ROUNDING: Duration = Duration::from_millis(2);

/// What one reader said.
#[derive(Debug, Default)]
pub(super) struct Honesty {
    /// The most that it admitted to while it was ready.
    pub(super) stalest: Duration,
    /// Where a write acknowledged earlier than it said was missing.
    pub(super) lies: Vec<String>,
}

/// Asks for the status until told to stop.
pub(super) async fn watch(site: Site, reader: Target) -> Honesty {
    let mut ticks = interval(PAUSE);
    ticks.set_missed_tick_behavior(MissedTickBehavior::Delay);
    let mut honesty = Honesty::default();
    while !site.is_over() {
        ticks.tick().await;
        let was_out = reader.is_out();
        let asked_at = Instant::now();
        let Some(status) = status(&site, &reader).await else {
            continue;
        };
        if !was_out && !reader.is_out() && status["ready"] == true {
            honesty.judge(&site, &reader, asked_at, &status);
        }
    }
    honesty
}

impl Honesty {
    fn judge(&mut self, site: &Site, reader: &Target, asked_at: Instant, status: &Value) {
        let number = |name: &str| status[name].as_u64();
        let (Some(epoch), Some(sequence), Some(staleness)) =
            (number("epoch"), number("sequence"), number("staleness_ms"))
        else {
            return;
        };
        let position = Position::new(Epoch(epoch), Sequence(sequence));
        let staleness = Duration::from_millis(staleness);
        self.stalest = self.stalest.max(staleness);
        // The status was made later than it was asked for, so this is earlier than it claims.
        let Some(claimed) = asked_at.checked_sub(staleness + ROUNDING) else {
            return;
        };
        let acknowledged = site.acks.highest_before(claimed);
        if let Some(acknowledged) = acknowledged
            && acknowledged.epoch == position.epoch
            && acknowledged > position
        {
            let listen = reader.listen;
            let age = staleness.as_millis();
            self.lies.push(format!(
                "{listen}: {position} is said to be {age} ms old, but {acknowledged} is older"
            ));
        }
    }
}

async fn status(site: &Site, reader: &Target) -> Option<Value> {
    let url = format!("http://{}/status", reader.admin);
    site.http.get(url).send().await.ok()?.json().await.ok()
}
