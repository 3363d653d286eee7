//! The auditor: do readers serve what was committed, so and so long after it was?
//!
//! It takes changes from the database's head, some a second, and asks every reader registered with
//! the bus for the document 0.1, 1 and 5 s after the commit: on the reader's admin plane, which
//! looks it up as a read would. The database's clock tells how old a change was when it was met, and
//! a question whose time had passed by then is not asked.
//!
//! An answer at or above the change is *consistent*, an older one *stale*; a reader that cannot be
//! reached in time or says that it cannot tell is *unanswered*, neither of both. What a reader
//! rightly lacks, because the document was deleted since, the database tells.
//!
//! # Bounds
//!
//! At most [`QUESTIONS_PER_SECOND`] whatever the fleet, each with [`ANSWER_TIMEOUT`], so at most
//! some hundred are pending. Commits never wait for it: it is a task of its own, and asks the
//! database three small questions a sample at most. A reader that hangs costs its own questions.

mod ask;
mod counters;
mod judge;
mod readers;

#[cfg(test)]
mod tests;

use std::{
    num::NonZeroU32,
    sync::{Arc, atomic::Ordering},
    time::Duration,
};

use bus::Publisher;
use reqwest::Url;
use shared::{Position, ResourceKey, Sequence};
use tokio::{
    task::JoinSet,
    time::{Instant, sleep, sleep_until},
};
use tracing::debug;

pub use self::{
    ask::ANSWER_TIMEOUT,
    counters::{AuditCounters, AuditStatus, DELAYS, DelayStatus, OUTCOMES, Outcome},
};
use self::{
    ask::Client,
    judge::{Judgement, judge, judge_missing},
    readers::Readers,
};
use super::LeaderCounters;
use crate::store::{Store, StoreError};

/// Upper bound on the questions of a second, over all readers. Beyond it samples are fewer.
pub const QUESTIONS_PER_SECOND: u32 = 100;

/// What the auditor is made of, before there is a database.
#[derive(Debug, Clone)]
pub struct Audit {
    samples_per_second: NonZeroU32,
    client: Client,
    counters: Arc<AuditCounters>,
}

/// The auditor at work. Cheap to clone.
#[derive(Debug, Clone)]
struct Auditor {
    audit: Audit,
    store: Arc<dyn Store>,
}

/// A change that readers are asked for.
#[derive(Debug, Clone, PartialEq, Eq)]
struct Sample {
    key: ResourceKey,
    position: Position,
    is_deleted: bool,
    /// Not later than its commit ended, as far as the database's clock tells.
    committed_at: Instant,
}

impl Audit {
    /// Takes at most so many changes a second.
    ///
    /// # Errors
    /// The system lacks what a client of readers needs.
    pub fn new(samples_per_second: NonZeroU32) -> Result<Self, reqwest::Error> {
        Ok(Self {
            samples_per_second,
            client: Client::new()?,
            counters: Arc::default(),
        })
    }

    /// What was found.
    pub fn counters(&self) -> &Arc<AuditCounters> {
        &self.counters
    }

    /// Samples and asks while `leader` leads, for ever.
    ///
    /// # Cancel safety
    /// Dropping the future drops what is asked.
    pub async fn run(
        self,
        store: Arc<dyn Store>,
        bus: Arc<dyn Publisher>,
        leader: Arc<LeaderCounters>,
    ) -> ! {
        let auditor = Auditor { audit: self, store };
        let mut asking = JoinSet::new();
        let mut readers = Readers::default();
        let mut last = None;
        loop {
            sleep(pause(auditor.audit.samples_per_second, readers.len())).await;
            while asking.try_join_next().is_some() {}
            if !leader.leads.load(Ordering::Relaxed) {
                continue;
            }
            readers.refresh(&*bus).await;
            auditor.audit.counters.tell_readers(readers.len());
            if readers.is_empty() {
                continue;
            }
            match auditor.sample(last).await {
                Ok(None) => {}
                Ok(Some(sample)) => {
                    last = Some(sample.position);
                    auditor.ask_all(&Arc::new(sample), &readers, &mut asking);
                }
                Err(error) => {
                    debug!(error = %telemetry::chain(&error), "nothing sampled");
                }
            }
        }
    }
}

/// Between two samples of a fleet of so many readers.
fn pause(samples_per_second: NonZeroU32, readers: usize) -> Duration {
    let questions = u32::try_from(readers * DELAYS.len()).unwrap_or(u32::MAX);
    let fair = Duration::from_secs(1) / QUESTIONS_PER_SECOND;
    (Duration::from_secs(1) / samples_per_second.get()).max(fair.saturating_mul(questions))
}

impl Auditor {
    /// The change at the head, unless it is the one sampled last.
    async fn sample(&self, last: Option<Position>) -> Result<Option<Sample>, StoreError> {
        let head = self.store.feed().await?.tip.position;
        if last.is_some_and(|last| head <= last) || head.sequence == Sequence(0) {
            return Ok(None);
        }
        // The database looked at its clock after this.
        let asked_at = Instant::now();
        let before = Sequence(head.sequence.0 - 1);
        let page = self.store.changes(before, 1).await?;
        let Some(change) = page.changes.into_iter().next() else {
            return Ok(None);
        };
        let document = change.document;
        let age = page.feed.now.0.saturating_sub(document.updated_at.0);
        let age = Duration::from_micros(u64::try_from(age).unwrap_or(0));
        let committed_at = asked_at.checked_sub(age);
        Ok(committed_at.map(|committed_at| Sample {
            key: document.key,
            position: document.slot.position,
            is_deleted: document.body.is_none(),
            committed_at,
        }))
    }

    /// Puts every question whose time has not passed yet.
    fn ask_all(&self, sample: &Arc<Sample>, readers: &Readers, asking: &mut JoinSet<()>) {
        self.audit.counters.count_sample();
        let now = Instant::now();
        for (index, delay) in DELAYS.into_iter().enumerate() {
            let due = sample.committed_at + delay;
            if due < now {
                continue;
            }
            for (reader, url) in readers.all() {
                let (auditor, sample) = (self.clone(), Arc::clone(sample));
                let (reader, url) = (reader.to_owned(), url.clone());
                asking.spawn(async move {
                    sleep_until(due).await;
                    let outcome = auditor.ask(&url, &sample).await;
                    if let Some(outcome) = outcome {
                        let position = sample.position;
                        let key = &sample.key;
                        debug!(reader, %key, %position, ?delay, ?outcome, "asked for a change");
                        auditor.audit.counters.count(index, outcome);
                    }
                });
            }
        }
    }

    /// What a question comes to; `None` where the answer proves nothing.
    async fn ask(&self, admin: &Url, sample: &Sample) -> Option<Outcome> {
        let Some(held) = self.audit.client.held(admin, &sample.key).await else {
            return Some(Outcome::Unanswered);
        };
        match judge(sample, &held) {
            Judgement::Settled(outcome) => Some(outcome),
            Judgement::Ended => None,
            Judgement::Missing => {
                let document = self.store.document(&sample.key).await.ok()?;
                judge_missing(sample, held.position, document.as_ref())
            }
        }
    }
}
