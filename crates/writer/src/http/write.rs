//! One write, with its conditions resolved to what the store can judge.

use service::{Kind, Problem};
use shared::{EntityTag, Representation, ResourceKey};

use super::{
    Backend,
    conditions::{Conditions, Demand},
    error::HttpError,
};
use crate::store::{Action, Document, Mutation, Outcome, Precondition, Retry};

/// How often a conditional write is tried while others write to the same document.
///
/// Each try reads the version, compares tags, and fails if another write came in between. Beyond
/// the limit the request is answered 503: its condition held each time, trying again may help.
pub const ATTEMPTS_MAX: usize = 8;

/// What a write does to which document.
#[derive(Debug, Clone)]
pub(super) struct Write {
    pub(super) key: ResourceKey,
    pub(super) action: Action,
    /// What a put is published as.
    pub(super) representations: Vec<Representation>,
    /// What makes it repeatable, if it is.
    pub(super) retry: Option<Retry>,
}

/// Commits a write if its conditions hold.
///
/// Entity tags are not stored. They are compared with those of the version just read, and the
/// store is asked to write only if that version still stands.
///
/// # Errors
/// 412; 503 where others keep writing to the document; what the committer refuses.
pub(super) async fn commit(
    backend: &Backend,
    write: Write,
    conditions: &Conditions,
) -> Result<Outcome, HttpError> {
    let outcome = match conditions.demand() {
        Demand::Nothing => attempt(backend, &write, Precondition::None).await?,
        Demand::Absence => attempt(backend, &write, Precondition::Absent).await?,
        Demand::Tags => return commit_by_tags(backend, &write, conditions).await,
    };
    match outcome {
        Outcome::PreconditionFailed => Err(failed()),
        outcome => Ok(outcome),
    }
}

async fn commit_by_tags(
    backend: &Backend,
    write: &Write,
    conditions: &Conditions,
) -> Result<Outcome, HttpError> {
    for _attempt in 0..ATTEMPTS_MAX {
        let document = live(backend, &write.key).await?;
        if document.is_none() && write.action == Action::Delete {
            // RFC 9110 §13.2.1: conditions do not matter where the answer without them would be
            // an error.
            return Ok(Outcome::NotFound);
        }
        let precondition = document.as_ref().map_or(Precondition::Absent, |document| {
            Precondition::Version(document.version)
        });
        let tags = match document {
            Some(document) => Some(tags(backend, document).await),
            None => None,
        };
        let current = tags.as_deref();
        if !conditions.if_match_holds(current) || !conditions.if_none_match_holds(current) {
            // They need not hold any more of a write that was carried out before.
            return carried_out_before(backend, write, failed()).await;
        }
        match attempt(backend, write, precondition).await? {
            // Somebody else wrote in between.
            Outcome::PreconditionFailed => {}
            outcome => return Ok(outcome),
        }
    }
    let detail = "others keep writing to this document; nothing was stored, try again";
    Err(Problem::new(Kind::Contended, detail).into())
}

/// What a write was answered before, where it is the retry of one that was carried out.
///
/// # Errors
/// `refusal`, where it is not.
pub(super) async fn carried_out_before(
    backend: &Backend,
    write: &Write,
    refusal: impl Into<HttpError>,
) -> Result<Outcome, HttpError> {
    let found = match &write.retry {
        Some(retry) => backend.store.receipt(retry).await?,
        None => None,
    };
    found.ok_or_else(|| refusal.into())
}

/// The document as it is stored now, unless it is deleted or has expired.
pub(super) async fn live(
    backend: &Backend,
    key: &ResourceKey,
) -> Result<Option<Document>, HttpError> {
    Ok(backend.store.live(key).await?)
}

/// The tags of every current representation: a client may know the document by any of them.
pub(super) async fn tags(backend: &Backend, document: Document) -> Vec<EntityTag> {
    let body = document.body.unwrap_or_default();
    let representations = backend.renderer.render(body).await;
    representations.iter().map(|one| one.tag).collect()
}

/// 412.
pub(super) fn failed() -> HttpError {
    let detail = "If-Match or If-None-Match does not hold for the stored document";
    Problem::new(Kind::PreconditionFailed, detail).into()
}

async fn attempt(
    backend: &Backend,
    write: &Write,
    precondition: Precondition,
) -> Result<Outcome, HttpError> {
    let mutation = Mutation {
        key: write.key.clone(),
        action: write.action.clone(),
        precondition,
        retry: write.retry.map(Box::new),
    };
    let representations = write.representations.clone();
    Ok(backend.committer.write(mutation, representations).await?)
}
