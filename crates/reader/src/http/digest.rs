//! `/digest` of the admin plane: what this reader holds, to be compared with the database; see
//! [`shared::digest`].
//!
//! The position is read before the first document, so everything at or below it is in the answer,
//! as it was then or later. It visits every entry and hashes all octets, on a thread of its own,
//! one answer at a time; a shard is never locked for longer than one entry takes.
//!
//! `/digest/{collection}/{id}` asks for one document, as reads find it, and costs one look-up and
//! a hash of its octets: the leader's auditor asks some dozens of times a second.
//!
//! A reader with a budget that the set has passed lists what it holds and gives no digests.

use std::{collections::BTreeMap, sync::Arc};

use axum::{
    Router,
    extract::State,
    response::{IntoResponse, Response},
    routing::get,
};
use http::Uri;
use service::{Kind, Problem, target};
use shared::{
    EntityTag, Position, ResourceKey,
    digest::{Digest, DocumentState, Listing, Question},
    key::bucket_of,
};
use tokio::{sync::Semaphore, task::spawn_blocking};

use super::unstored::unstored;
use crate::{
    catalog::{Catalog, Lookup},
    entry::{Entry, Prepared},
    status::StatusCell,
};

/// Of a part there is no digest that could equal the database's.
const PARTIAL: &str =
    "this reader does not hold all documents: only those held can be listed, by of";

/// What the route works with.
#[derive(Debug, Clone)]
struct Digesting {
    catalog: Catalog,
    status: StatusCell,
    turn: Arc<Semaphore>,
}

/// The route, for a router of any state.
pub(super) fn routes<S: Clone + Send + Sync + 'static>(
    catalog: Catalog,
    status: StatusCell,
) -> Router<S> {
    Router::new()
        .route("/digest", get(answer))
        .route("/digest/{collection}/{id}", get(answer_one))
        .with_state(Digesting {
            catalog,
            status,
            turn: Arc::new(Semaphore::new(1)),
        })
}

async fn answer(State(digesting): State<Digesting>, uri: Uri) -> Response {
    let question = match Question::parse(uri.query().unwrap_or_default()) {
        Ok(question) => question,
        Err(error) => {
            return Problem::new(Kind::MalformedRequest, error.to_string()).into_response();
        }
    };
    // It is never closed.
    let _turn = digesting.turn.acquire().await;
    let Some(position) = digesting.status.progress().position else {
        return not_ready("this reader does not hold the documents yet");
    };
    let is_whole = question.listed.is_none();
    if is_whole && digesting.catalog.is_partial() {
        return not_ready(PARTIAL);
    }
    let catalog = digesting.catalog.clone();
    let text = spawn_blocking(move || text(&catalog, position, &question)).await;
    if is_whole && digesting.catalog.is_partial() {
        return not_ready(PARTIAL);
    }
    match text {
        Ok(text) => unstored("text/plain; charset=utf-8", text),
        Err(error) => {
            tracing::error!(error = %telemetry::chain(&error), "no digest");
            Problem::new(Kind::Internal, "making the digest met a defect").into_response()
        }
    }
}

/// A [`Listing`] of at most one document. Its position is the reader's, or the document's own where
/// that is later; 503 where reads of it are answered so.
async fn answer_one(State(digesting): State<Digesting>, uri: Uri) -> Response {
    let segments = uri.path().strip_prefix("/digest/").unwrap_or_default();
    let (collection, id) = segments.split_once('/').unwrap_or((segments, ""));
    let key = match target::key_from_path(collection, id) {
        Ok(key) => key,
        Err(problem) => return problem.into_response(),
    };
    let Some(position) = digesting.status.progress().position else {
        return not_ready("this reader does not hold the documents yet");
    };
    let entry = match digesting.catalog.lookup(&key) {
        Lookup::Hit(entry) => Some(entry),
        Lookup::Absent => None,
        Lookup::Unknown | Lookup::NotReady => {
            return not_ready("this reader cannot tell of this document");
        }
    };
    let listing = Listing {
        position: entry
            .as_ref()
            .map_or(position, |entry| position.max(entry.position())),
        documents: entry
            .map(|entry| (key, state_of(&entry)))
            .into_iter()
            .collect(),
    };
    unstored("text/plain; charset=utf-8", listing.to_text())
}

fn not_ready(detail: &str) -> Response {
    Problem::new(Kind::NotReady, detail).into_response()
}

fn text(catalog: &Catalog, position: Position, question: &Question) -> String {
    let buckets = question.buckets;
    let Some(listed) = &question.listed else {
        let mut digest = Digest::empty(position, buckets);
        each_document(catalog, |entry| digest.add(entry.key(), &state_of(entry)));
        return digest.to_text();
    };
    let mut documents = BTreeMap::new();
    each_document(catalog, |entry| {
        if listed.contains(&bucket_of(entry.key(), buckets))
            && let Ok(key) = ResourceKey::from_text(entry.key())
        {
            documents.insert(key, state_of(entry));
        }
    });
    let listing = Listing {
        position,
        documents,
    };
    listing.to_text()
}

/// Expired ones too: the leader's deletion is a change of its own.
fn each_document(catalog: &Catalog, mut visit: impl FnMut(&Entry)) {
    catalog.for_each(|entry| {
        if !entry.is_tombstone() {
            visit(entry);
        }
    });
}

fn state_of(entry: &Entry) -> DocumentState {
    let mut representations = entry.representations();
    let is_whole = representations
        .clone()
        .all(|one| one.tag() == EntityTag::of(one.octets()));
    let identity = representations.next();
    DocumentState {
        sequence: entry.position().sequence,
        version: entry.version(),
        expires_at: entry.expires_at(),
        tag: identity.filter(|_| is_whole).map(Prepared::tag),
    }
}
