//! The model database behind the real trait: what one writer process sees of it.

use std::sync::Arc;

use async_trait::async_trait;
use shared::{Epoch, ResourceKey, Sequence, Version};
use writer::store::{
    Batch, ChangePage, Document, DocumentPage, Feed, Lease, Mutation, Outcome, Pruned, Retry,
    Stamp, StampPage, Store, StoreError, Tip,
};

use crate::{
    Rule,
    ground::Gate,
    history::{KEYS, number},
};

/// One process' connections.
#[derive(Debug)]
pub(crate) struct Connections(pub(crate) Arc<Gate>);

fn away() -> StoreError {
    StoreError::Unsuitable("the database is away".to_owned())
}

impl Connections {
    async fn ask<T>(&self, operation: impl FnOnce(&Gate) -> T + Send) -> Result<T, StoreError>
    where
        T: Send,
    {
        ask(&self.0, operation).await
    }
}

async fn ask<T>(gate: &Gate, operation: impl FnOnce(&Gate) -> T + Send) -> Result<T, StoreError> {
    gate.pass().await.map_err(|_lost| away())?;
    if gate.ground.database().is_away {
        return Err(away());
    }
    let answer = operation(gate);
    // A lost answer would be resolved by asking again, so here none is lost: a writer that is
    // killed meanwhile does not hear it either.
    drop(gate.pass().await);
    Ok(answer)
}

#[async_trait]
impl Store for Connections {
    fn system(&self) -> &'static str {
        "model"
    }

    async fn commit(&self, known: Option<Tip>, batch: &[Mutation]) -> Result<Batch, StoreError> {
        self.ask(|gate| {
            let ground = &gate.ground;
            let mut random = ground.random();
            let mut database = ground.database();
            let batch = database.commit(ground.now(), &mut random, known, batch);
            ground.note(|| format!("commit: {:?}", batch.tip.position));
            batch
        })
        .await
    }

    async fn feed(&self) -> Result<Feed, StoreError> {
        self.ask(|gate| gate.ground.database().feed(gate.ground.now()))
            .await
    }

    async fn live(&self, key: &ResourceKey) -> Result<Option<Document>, StoreError> {
        let document = self.document(key).await?;
        Ok(document.filter(|document| document.body.is_some()))
    }

    async fn document(&self, key: &ResourceKey) -> Result<Option<Document>, StoreError> {
        let read = |gate: &Gate| {
            let database = gate.ground.database();
            database.document(number(key), gate.ground.now())
        };
        self.ask(read).await
    }

    async fn changes(&self, after: Sequence, _limit: u32) -> Result<ChangePage, StoreError> {
        self.ask(|gate| gate.ground.database().changes(after.0, gate.ground.now()))
            .await
    }

    async fn documents(
        &self,
        after: Option<&ResourceKey>,
        _limit: u32,
    ) -> Result<DocumentPage, StoreError> {
        let after = after.map(number);
        self.ask(|gate| gate.ground.database().documents(after, gate.ground.now()))
            .await
    }

    async fn stamps(
        &self,
        _after: Option<&ResourceKey>,
        _limit: u32,
    ) -> Result<StampPage, StoreError> {
        let read = |gate: &Gate| {
            let database = gate.ground.database();
            let documents = (0..KEYS).filter_map(|key| database.document(key, gate.ground.now()));
            let stamps = documents.map(|document| Stamp {
                key: document.key,
                sequence: document.slot.position.sequence,
                link: document.slot.link,
                is_deleted: document.body.is_none(),
            });
            let compares = gate.ground.rules.hold(Rule::Comparison);
            StampPage {
                epoch: database.current.epoch,
                stamps: stamps.filter(|_stamp| compares).collect(),
                next: None,
            }
        };
        self.ask(read).await
    }

    async fn absent(&self, keys: &[ResourceKey]) -> Result<Vec<ResourceKey>, StoreError> {
        let read = |gate: &Gate| {
            let (database, now) = (gate.ground.database(), gate.ground.now());
            let is_absent = |key: &&ResourceKey| database.document(number(key), now).is_none();
            keys.iter().filter(is_absent).cloned().collect()
        };
        self.ask(read).await
    }

    /// A multiple, so that a handful of documents has several buckets.
    async fn count(&self) -> Result<u64, StoreError> {
        let read = |gate: &Gate| {
            let (database, now) = (gate.ground.database(), gate.ground.now());
            let rows = (0..KEYS).filter(|key| database.document(*key, now).is_some());
            rows.count() as u64 * 256
        };
        self.ask(read).await
    }

    async fn confirm(&self, known: Tip) -> Result<Tip, StoreError> {
        self.ask(|gate| gate.ground.database().confirm(known)).await
    }

    async fn begin_epoch(&self) -> Result<Tip, StoreError> {
        let begin = |gate: &Gate| {
            let mut database = gate.ground.database();
            database.begin_epoch(Epoch(0));
            database.current.tip()
        };
        self.ask(begin).await
    }

    async fn expired(&self, _limit: u32) -> Result<Vec<(ResourceKey, Version)>, StoreError> {
        Ok(Vec::new())
    }

    /// Nobody here tries again by a key.
    async fn receipt(&self, _retry: &Retry) -> Result<Option<Outcome>, StoreError> {
        Ok(None)
    }

    async fn prune_receipts(&self, _limit: u32) -> Result<u64, StoreError> {
        Ok(0)
    }

    async fn prune(&self, floor: Sequence, _limit: u32) -> Result<Pruned, StoreError> {
        self.ask(|gate| {
            gate.ground.note(|| format!("prune below {floor}"));
            gate.ground.database().prune(floor.0);
            Pruned::default()
        })
        .await
    }

    async fn lead(&self) -> Result<Option<Box<dyn Lease>>, StoreError> {
        let gate = Arc::clone(&self.0);
        self.ask(|asked| {
            let now = asked.ground.now();
            let term = asked.ground.database().lead(now)?;
            asked.ground.note(|| format!("term {term} begins"));
            Some(Box::new(Leadership { term, gate }) as Box<dyn Lease>)
        })
        .await
    }
}

#[derive(Debug)]
struct Leadership {
    term: u64,
    gate: Arc<Gate>,
}

#[async_trait]
impl Lease for Leadership {
    fn term(&self) -> u64 {
        self.term
    }

    async fn beat(&mut self) -> Result<Feed, StoreError> {
        let term = self.term;
        let beat = |gate: &Gate| {
            let (mut database, now) = (gate.ground.database(), gate.ground.now());
            database.beat(term, now).then(|| database.feed(now))
        };
        let lost = || StoreError::Unsuitable("the lease is lost".to_owned());
        ask(&self.gate, beat).await?.ok_or_else(lost)
    }
}

impl Drop for Leadership {
    fn drop(&mut self) {
        self.gate.ground.database().resign(self.term);
    }
}
