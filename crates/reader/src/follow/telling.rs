//! Tells the rest of the process, and the fleet, how far the reader is.

use std::{sync::Arc, time::Duration};

use tokio::time::Instant;

use super::Driver;
use crate::{replica::Source, status::Progress};

/// The word in the status for changes that come from a writer.
const WRITER: &str = "writer";

/// The same, for a local snapshot alone.
const LOCAL: &str = "local";

/// How often the reader registers its status with the bus.
const REGISTER_INTERVAL: Duration = Duration::from_secs(1);

impl Driver {
    /// Brings the status up to date, and registers it with the bus now and then.
    pub(super) fn tell(&mut self) {
        let replica = &self.replica;
        let counts = replica.counts();
        self.following.status.set(Progress {
            position: replica.position(),
            head: replica.head(),
            confirmed_at: replica.confirmed_at().map(|at| self.started + at),
            state: replica.state().as_str(),
            source: match replica.source() {
                _ if replica.is_local() => LOCAL,
                Source::Bus => self.following.source,
                Source::Writer => WRITER,
            },
            unready: replica.unready(),
            hydrations: counts.hydrations,
            gaps: counts.gaps,
            silences: counts.silences,
            replays: counts.replays,
            undecodable: counts.undecodable,
            polls: counts.polls,
            scrubs: counts.scrubs,
            repairs: self.repairs,
            snapshot_age: self.keeper.age().filter(|_| replica.is_local()),
        });
        let now = Instant::now();
        let due = self
            .registered_at
            .is_none_or(|at| REGISTER_INTERVAL <= now - at);
        if due && self.registering.is_empty() {
            self.registered_at = Some(now);
            let bus = Arc::clone(&self.following.bus);
            let reader = self.following.reader.clone();
            let status = self.following.status.status(now);
            self.registering.put(async move {
                let json = serde_json::to_string(&status).unwrap_or_default();
                bus.register(&reader, &json).await
            });
        }
    }
}
