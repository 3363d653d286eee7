//! Publishes what this process has committed, at once.
//!
//! It is allowed to fail: what it does not bring to the bus, the leader's sweep does.

use std::{
    sync::{
        Arc,
        atomic::{AtomicU64, Ordering},
    },
    time::Duration,
};

use bus::{Build, BusError, Publication, PublishOutcome, Publisher, Refusal};
use shared::{Envelope, Extension, Position, codec};
use telemetry::{Kind, Span, Throttle, metrics::DurationHistogram};
use tokio::time::Instant;
use tracing::{debug, warn};

use crate::commit::{BATCH_BYTES_MAX, Committed, CommittedChange};

/// Changes published by one call, but for those of its last batch.
const CHANGES_MAX: usize = 512;

/// Between two lines about refused changes, at least. Metrics count each.
const REFUSALS_INTERVAL: Duration = Duration::from_secs(5);

/// What became of this process' own changes.
#[derive(Debug, Default)]
pub struct PublishCounters {
    /// Changes that the bus took, or had already.
    pub published: AtomicU64,
    /// Changes that the bus refused.
    pub refused: AtomicU64,
    /// Changes given up because the bus was away or holds no snapshot yet.
    pub abandoned: AtomicU64,
    /// How long it took to hand some changes over, 512 at most, whatever became of them.
    pub latency: DurationHistogram,
}

/// Publishes until the other end of `committed` is gone and everything in it is handled.
pub async fn publish(
    mut committed: Committed,
    bus: Arc<dyn Publisher>,
    counters: Arc<PublishCounters>,
) {
    let mut live = Live {
        bus,
        counters,
        build: None,
        refusals: Throttle::new(REFUSALS_INTERVAL),
    };
    while let Some(mut batch) = committed.next().await {
        while batch.changes.len() < CHANGES_MAX
            && batch.bytes() < BATCH_BYTES_MAX
            && let Some(more) = committed.try_next()
        {
            batch.append(more);
        }
        live.publish(&batch.changes).await;
    }
}

struct Live {
    bus: Arc<dyn Publisher>,
    counters: Arc<PublishCounters>,
    /// The build that the bus last accepted changes into.
    build: Option<Build>,
    /// Changes that the bus refuses: all of them, where its history is another.
    refusals: Throttle,
}

/// The steps of traced changes that are being published.
type Steps = [(Position, Span)];

impl Live {
    async fn publish(&mut self, changes: &[CommittedChange]) {
        let mut publications = Vec::with_capacity(changes.len());
        let mut steps = Vec::new();
        for change in changes {
            let step = self.step(change, changes.len());
            publications.extend(publication(change, &step));
            if step.is_traced() {
                steps.push((change.slot.position, step));
            }
        }
        let begun = Instant::now();
        if let Err(error) = self.try_publish(publications, &steps).await {
            self.build = None;
            debug!(error = %telemetry::chain(&error), "not published");
            count(&self.counters.abandoned, changes.len());
            for (_position, step) in &steps {
                note_failure(step, "unavailable");
            }
        }
        self.counters.latency.record(begun.elapsed());
        // Each ends here, by being dropped.
    }

    /// The step of a change whose request is traced.
    fn step(&self, change: &CommittedChange, batch_len: usize) -> Span {
        let step = change.step.child(Kind::Producer, "publish feed");
        step.set("messaging.system", self.bus.system());
        step.set("messaging.destination.name", "feed");
        step.set("messaging.operation.name", "publish");
        step.set("messaging.operation.type", "send");
        step.set_count("messaging.batch.message_count", batch_len);
        step
    }

    /// Publishes, and once more into the new build where the snapshot was rebuilt meanwhile.
    async fn try_publish(
        &mut self,
        publications: Vec<Publication>,
        steps: &Steps,
    ) -> Result<(), BusError> {
        let mut waiting = publications;
        for _ in 0..2 {
            let Some(build) = self.current_build().await? else {
                break;
            };
            let outcomes = self.bus.publish(build, &waiting).await?;
            waiting = self.sort_out(waiting, &outcomes, steps);
            if waiting.is_empty() {
                return Ok(());
            }
            self.build = None;
        }
        count(&self.counters.abandoned, waiting.len());
        for publication in &waiting {
            note_failure(step_of(publication, steps), "no snapshot");
        }
        Ok(())
    }

    async fn current_build(&mut self) -> Result<Option<Build>, BusError> {
        if self.build.is_none() {
            self.build = self.bus.meta().await?.map(|meta| meta.build);
        }
        Ok(self.build)
    }

    /// Counts what is settled and gives what another build might still take.
    fn sort_out(
        &self,
        publications: Vec<Publication>,
        outcomes: &[PublishOutcome],
        steps: &Steps,
    ) -> Vec<Publication> {
        let mut again = Vec::new();
        for (publication, outcome) in publications.into_iter().zip(outcomes) {
            match outcome {
                PublishOutcome::Published(_) => count(&self.counters.published, 1),
                PublishOutcome::Duplicate => {
                    count(&self.counters.published, 1);
                    step_of(&publication, steps).set("pressrun.duplicate", true);
                }
                PublishOutcome::Refused(Refusal::OtherBuild | Refusal::NoMeta) => {
                    again.push(publication);
                }
                PublishOutcome::Refused(refusal) => {
                    if let Some(unlogged) = self.refusals.admit(std::time::Instant::now()) {
                        let position = publication.slot.position;
                        warn!(?refusal, %position, unlogged, "publication refused");
                    }
                    count(&self.counters.refused, 1);
                    note_failure(step_of(&publication, steps), "refused");
                }
            }
        }
        again
    }
}

fn count(counter: &AtomicU64, by: usize) {
    counter.fetch_add(by as u64, Ordering::Relaxed);
}

/// The step of a publication; none where it is not traced.
fn step_of<'a>(publication: &Publication, steps: &'a Steps) -> &'a Span {
    static NONE: Span = Span::none();
    let position = publication.slot.position;
    let step = steps.iter().find(|(of, _)| *of == position);
    step.map_or(&NONE, |(_, step)| step)
}

fn note_failure(step: &Span, how: &'static str) {
    step.set("error.type", how);
    step.fail(how);
}

/// The publication of a committed change; `None`, logged, where it has no encoding, which no
/// document within the limits reaches.
fn publication(change: &CommittedChange, step: &Span) -> Option<Publication> {
    let mut envelope = Envelope {
        position: change.slot.position,
        prev_link: change.slot.prev_link,
        link: change.slot.link,
        version: change.version,
        updated_at: change.updated_at,
        expires_at: change.expires_at,
        key: change.key.clone(),
        change: change.change.clone(),
        extensions: Vec::new(),
    };
    let encoded = codec::encode(&envelope).and_then(|encoded| {
        let context = step.to_parent().map(|context| Extension {
            id: Extension::TRACE_CONTEXT,
            octets: context.to_string().into(),
        });
        envelope.extensions.extend(context);
        let is_traced = !envelope.extensions.is_empty();
        let traced = is_traced.then(|| codec::encode(&envelope)).transpose()?;
        Ok((encoded, traced))
    });
    match encoded {
        Ok((encoded, traced)) => Some(Publication {
            slot: change.slot,
            sequence: change.slot.position.sequence,
            key: change.key.clone(),
            envelope: encoded,
            traced,
        }),
        Err(error) => {
            warn!(error = %telemetry::chain(&error), key = %change.key, "cannot be encoded");
            None
        }
    }
}
