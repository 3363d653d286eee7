//! `/internal/digest`: what the database holds, to be compared with what readers do; see
//! [`shared::digest`].
//!
//! Documents are read page by page, each page in a snapshot of its own, and the head after the last:
//! so each document is in the answer as it was at or before that head, and one that was not written
//! between two answers is the same in both. It costs a read of the whole table.

use std::{collections::BTreeMap, sync::Arc};

use axum::{
    extract::State,
    response::{IntoResponse, Response},
};
use http::{Uri, header};
use service::{Kind, Problem};
use shared::{
    EntityTag, Epoch, Position, ResourceKey, Sequence,
    digest::{Digest, DocumentState, Listing, Question},
};

use super::Internal;
use crate::{
    http::error::HttpError,
    store::{Document, DocumentPage},
};

/// Most documents read at once; [`crate::store::PAGE_BYTES`] bounds their octets.
const PAGE_MAX: u32 = 1024;

/// What is being put together. Its position is set at the end.
enum Answer {
    Digest(Digest),
    Listing(Listing, Question),
}

pub(super) async fn answer(
    State(internal): State<Arc<Internal>>,
    uri: Uri,
) -> Result<Response, HttpError> {
    let question = Question::parse(uri.query().unwrap_or_default())
        .map_err(|error| Problem::new(Kind::MalformedRequest, error.to_string()))?;
    let mut answer = Answer::empty(question);
    let mut epoch = None;
    let mut after = None;
    loop {
        let page = internal.store.documents(after.as_ref(), PAGE_MAX).await?;
        if *epoch.get_or_insert(page.epoch) != page.epoch {
            return Err(epoch_ended());
        }
        after.clone_from(&page.next);
        // Hashing megabytes would keep others on this thread waiting.
        answer = internal.renderer.run(|| answer.with(page)).await;
        if after.is_none() {
            break;
        }
    }
    let head = internal.store.feed().await?.tip.position;
    if epoch != Some(head.epoch) {
        return Err(epoch_ended());
    }
    let headers = [
        (header::CONTENT_TYPE, "text/plain; charset=utf-8"),
        (header::CACHE_CONTROL, "no-store"),
    ];
    Ok((headers, answer.text_at(head)).into_response())
}

fn epoch_ended() -> HttpError {
    let detail = "a new epoch began while the documents were read";
    Problem::new(Kind::EpochEnded, detail).into()
}

impl Answer {
    fn empty(question: Question) -> Self {
        let unknown = Position::new(Epoch(0), Sequence::ZERO);
        if question.listed.is_none() {
            return Self::Digest(Digest::empty(unknown, question.buckets));
        }
        let listing = Listing {
            position: unknown,
            documents: BTreeMap::new(),
        };
        Self::Listing(listing, question)
    }

    fn with(mut self, page: DocumentPage) -> Self {
        for document in page.documents {
            self.add(document);
        }
        self
    }

    fn add(&mut self, document: Document) {
        let is_wanted = |key: &ResourceKey, question: &Question| {
            let listed = question.listed.as_ref();
            listed.is_some_and(|listed| listed.contains(&key.bucket(question.buckets)))
        };
        // A tombstone has no state: what is compared is what is served.
        match self {
            Self::Digest(digest) => {
                if let Some(state) = state_of(&document) {
                    digest.add(document.key.as_str(), &state);
                }
            }
            Self::Listing(listing, question) if is_wanted(&document.key, question) => {
                if let Some(state) = state_of(&document) {
                    listing.documents.insert(document.key, state);
                }
            }
            Self::Listing(..) => {}
        }
    }

    fn text_at(self, head: Position) -> String {
        match self {
            Self::Digest(digest) => Digest {
                position: head,
                ..digest
            }
            .to_text(),
            Self::Listing(listing, _) => Listing {
                position: head,
                ..listing
            }
            .to_text(),
        }
    }
}

/// `None` of a tombstone. The stored body is the identity representation.
fn state_of(document: &Document) -> Option<DocumentState> {
    let body = document.body.as_ref()?;
    Some(DocumentState {
        sequence: document.slot.position.sequence,
        version: document.version,
        expires_at: document.expires_at,
        tag: Some(EntityTag::of(body)),
    })
}
