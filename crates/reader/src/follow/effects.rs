//! What the driver does for each effect.

use std::sync::Arc;

use shared::{Change, Envelope, Position};
use tokio::time::{Instant, sleep};
use tracing::{debug, info, warn};

use super::{Driver, hydration, scrub, traced};
use crate::{
    catalog::{Applied, CatalogWriter, Hydration},
    replica::{Effect, Input, Source},
};

impl Driver {
    pub(super) fn carry_out(&mut self, effects: &mut Vec<Effect>) {
        for effect in effects.drain(..) {
            self.overtake_fetches(&effect);
            match effect {
                Effect::Apply(envelope, None) if !envelope.extensions.is_empty() => {
                    traced::apply(&mut self.following, &envelope);
                }
                Effect::Apply(envelope, seen_by) => {
                    let applied = self.following.catalog.apply(&envelope, seen_by);
                    if seen_by.is_none() && applied == Applied::Newer {
                        self.note_propagation(&envelope);
                    }
                }
                Effect::DropLeft(mark, tip) => {
                    let dropped = self.following.catalog.drop_unseen(mark, tip);
                    debug!(dropped, "what the local snapshot does not have is dropped");
                }
                Effect::Repair(envelope, mark, held) => self.repair(&envelope, mark, held),
                Effect::DropUnseen(attempt, floor) => {
                    self.keeper.abandon();
                    let catalog = &mut self.following.catalog;
                    let dropped = catalog.drop_unseen(attempt, floor);
                    let (documents, bytes) =
                        (catalog.catalog().documents(), catalog.catalog().bytes());
                    info!(
                        %floor,
                        dropped,
                        documents,
                        bytes_per_document = bytes / documents.max(1),
                        duration_ms = self.hydration_asked_at.elapsed().as_millis(),
                        "hydrated"
                    );
                }
                Effect::Mark(keys, mark) => {
                    for key in &keys {
                        self.following.catalog.mark(key, mark);
                    }
                }
                Effect::DropUnscrubbed(mark, floor) => self.drop_unscrubbed(mark, floor),
                // What is being written must not lack what is above its tip; later is soon enough.
                Effect::ForgetTombstones(_) if self.keeper.is_writing() => {}
                Effect::ForgetTombstones(through) => {
                    self.following.catalog.forget_tombstones(through);
                }
                Effect::SetReady(ready) => {
                    info!(ready, "readiness changed");
                    self.following.catalog.set_ready(ready);
                }
                Effect::ReadLocal(attempt) => self.read_local(attempt),
                other => self.ask(&other),
            }
        }
    }

    /// Begins what the machine is told the outcome of later.
    fn ask(&mut self, effect: &Effect) {
        let bus = Arc::clone(&self.following.bus);
        match *effect {
            Effect::Connect(delay) => {
                self.subscription = None;
                self.propagation.reconnects();
                self.connecting.put(async move {
                    sleep(delay).await;
                    bus.subscribe().await
                });
            }
            Effect::Hydrate(attempt, from, delay) => {
                self.hydration_asked_at = Instant::now();
                let inputs = self.inputs_sender.clone();
                let writer = self.following.writer.clone();
                self.hydrating.put(async move {
                    sleep(delay).await;
                    match (from, writer) {
                        (Source::Writer, Some(writer)) => writer.hydrate(attempt, &inputs).await,
                        _ => hydration::hydrate(bus, attempt, inputs).await,
                    }
                });
            }
            Effect::Replay(attempt, after) => self.replaying.put(async move {
                match bus.replay(after).await {
                    Ok(page) => Input::Replayed(attempt, page),
                    Err(error) => {
                        debug!(error = %telemetry::chain(&error), "replay failed");
                        Input::ReplayFailed(attempt)
                    }
                }
            }),
            Effect::Poll(attempt, after) => {
                if let Some(writer) = self.following.writer.clone() {
                    let inputs = self.inputs_sender.clone();
                    self.polling
                        .put(async move { writer.poll(attempt, after, &inputs).await });
                }
            }
            Effect::Scrub(attempt, turn) => {
                let kept = self.scrub_reader.take();
                let catalog = self.following.catalog.catalog().clone();
                self.scrubbing
                    .put(scrub::scrub(bus, kept, catalog, attempt, turn));
            }
            Effect::ReportLost(build, bucket) => self
                .reporting
                .put(async move { bus.report_lost(build, bucket).await }),
            Effect::Probe(nonce) if self.probing.is_empty() => {
                let reader = self.following.reader.clone();
                self.probing.put(async move {
                    let sent_at = Instant::now();
                    bus.probe(&reader, nonce).await?;
                    Ok(sent_at.elapsed())
                });
            }
            // A probe, while the one before is still on its way: this nonce is not sent, and so
            // proves nothing. The others are not asked of anybody.
            _ => {}
        }
    }

    fn note_propagation(&self, envelope: &Envelope) {
        let database_time = self.following.catalog.catalog().database_time();
        let followed = self.started.elapsed();
        self.propagation
            .served(envelope.updated_at, database_time, followed);
    }

    fn repair(&mut self, envelope: &Envelope, mark: Hydration, held: Position) {
        if changes_document(&mut self.following.catalog, envelope, mark)
            && envelope.position <= held
        {
            self.repairs += 1;
            warn!(key = %envelope.key, position = %envelope.position, "a scrub has mended a document");
        }
    }

    fn drop_unscrubbed(&mut self, mark: Hydration, floor: Position) {
        let catalog = &mut self.following.catalog;
        let before = catalog.catalog().documents();
        catalog.drop_unseen(mark, floor);
        // Tombstones among them are no repair: the bus forgets those as well.
        let dropped = before.saturating_sub(catalog.catalog().documents());
        if dropped > 0 {
            self.keeper.abandon();
            self.repairs += dropped;
            warn!(%floor, dropped, "a scrub has dropped documents that the bus lacks");
        }
    }
}

/// Applies an envelope, and tells whether reads are answered otherwise from now on. A tombstone
/// that was forgotten already changes nothing.
fn changes_document(catalog: &mut CatalogWriter, envelope: &Envelope, mark: Hydration) -> bool {
    let before = catalog.catalog().documents();
    let applied = catalog.apply(envelope, Some(mark));
    match envelope.change {
        Change::Put(_) => matches!(applied, Applied::Newer | Applied::Mended),
        Change::Delete => catalog.catalog().documents() < before,
    }
}
