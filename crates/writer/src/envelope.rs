//! Stored documents to envelopes: the one place where they are made from the database.

use bytes::Bytes;
use shared::{Change, Envelope, codec};

use crate::{
    render::{Codings, Renderer, render},
    store::Document,
};

/// The envelope of a stored document, rendered in `codings`; of a tombstone, a deletion.
///
/// Costs what [`render`] costs; see [`Renderer::run`].
pub fn envelope_of(document: Document, codings: Codings) -> Envelope {
    let change = match &document.body {
        Some(body) => Change::Put(render(body, codings)),
        None => Change::Delete,
    };
    Envelope {
        position: document.slot.position,
        prev_link: document.slot.prev_link,
        link: document.slot.link,
        version: document.version,
        updated_at: document.updated_at,
        expires_at: document.expires_at,
        key: document.key,
        change,
        extensions: Vec::new(),
    }
}

/// The encoded envelopes of documents, in order, made on one of the renderer's threads; at once
/// where all their bodies together are too short to be compressed; see [`Renderer::press`].
///
/// All of them are in memory at once, several times as large as the bodies: hand over few.
///
/// # Errors
/// The first document that has no envelope, which the limits of a [`crate::document::Body`]
/// exclude.
///
/// # Cancel safety
/// Dropping it gives up the result.
pub async fn encode_documents(
    renderer: &Renderer,
    documents: Vec<Document>,
) -> Result<Vec<Bytes>, codec::EncodeError> {
    let codings = renderer.codings();
    let encode = move |document| codec::encode(&envelope_of(document, codings));
    let bodies = documents
        .iter()
        .filter_map(|document| document.body.as_ref());
    let body_bytes = bodies.map(Bytes::len).sum();
    renderer
        .press(body_bytes, move || {
            documents.into_iter().map(encode).collect()
        })
        .await
}
