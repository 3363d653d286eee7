//! Stored documents to what the bus takes.

use bytes::Bytes;
use futures_util::{StreamExt, TryStreamExt, stream};
use shared::{ResourceKey, Sequence};

use super::{Leader, RoundError};
use crate::{envelope::encode_documents, store::Document};

/// Documents that one thread renders in one go, and how many such goes run side by side.
const DOCUMENTS_PER_GO: usize = 32;
const GOES_AT_ONCE: usize = 4;

/// One document's current envelope.
#[derive(Debug)]
pub(super) struct Encoded {
    pub(super) key: ResourceKey,
    /// The envelope's own.
    pub(super) sequence: Sequence,
    pub(super) envelope: Bytes,
}

impl Leader {
    /// Renders and encodes documents, in their order.
    pub(super) async fn encode(
        &self,
        documents: Vec<Document>,
    ) -> Result<Vec<Encoded>, RoundError> {
        let names: Vec<_> = documents
            .iter()
            .map(|document| (document.key.clone(), document.slot.position.sequence))
            .collect();
        let envelopes: Vec<Vec<Bytes>> = stream::iter(into_goes(documents))
            .map(|go| encode_documents(&self.renderer, go))
            .buffered(GOES_AT_ONCE)
            .try_collect()
            .await?;
        let encoded = names.into_iter().zip(envelopes.into_iter().flatten());
        Ok(encoded
            .map(|((key, sequence), envelope)| Encoded {
                key,
                sequence,
                envelope,
            })
            .collect())
    }
}

fn into_goes(mut documents: Vec<Document>) -> Vec<Vec<Document>> {
    let mut goes = Vec::with_capacity(documents.len().div_ceil(DOCUMENTS_PER_GO));
    while !documents.is_empty() {
        let rest = documents.split_off(documents.len().min(DOCUMENTS_PER_GO));
        goes.push(documents);
        documents = rest;
    }
    goes
}
