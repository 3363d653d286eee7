//! Everything that can go wrong while answering, as a problem.

use std::time::Instant;

use axum::response::{IntoResponse, Response};
use service::{Kind, Problem};
use telemetry::Throttle;

use crate::{
    commit::{FAILURES_INTERVAL, WriteError},
    document::BodyError,
    store::StoreError,
};

/// Reads that failed: each of them while the database is away.
static FAILED_READS: Throttle = Throttle::new(FAILURES_INTERVAL);

/// Why a request is not answered as it hoped. What becomes a 5xx is logged, of many alike some.
#[derive(Debug)]
pub(super) enum HttpError {
    /// The client's doing mostly. Logged here if it is not.
    Problem(Problem),
    /// A read failed. Logged here.
    Store(StoreError),
    /// A write failed. The commit loop has logged it, once for its whole batch, or counted it.
    Write(WriteError),
}

impl From<Problem> for HttpError {
    fn from(problem: Problem) -> Self {
        Self::Problem(problem)
    }
}

impl From<StoreError> for HttpError {
    fn from(error: StoreError) -> Self {
        Self::Store(error)
    }
}

impl From<WriteError> for HttpError {
    fn from(error: WriteError) -> Self {
        Self::Write(error)
    }
}

impl From<BodyError> for HttpError {
    fn from(error: BodyError) -> Self {
        Self::Problem(Problem::new(kind_of(&error), error.to_string()))
    }
}

/// What kind of problem an invalid body is.
pub(super) fn kind_of(error: &BodyError) -> Kind {
    match error {
        BodyError::TooLarge => Kind::ContentTooLarge,
        BodyError::NotUtf8 { .. } | BodyError::Malformed { .. } => Kind::MalformedRequest,
        _ => Kind::InvalidDocument,
    }
}

impl IntoResponse for HttpError {
    fn into_response(self) -> Response {
        match self {
            Self::Problem(problem) => {
                if problem.kind().status().is_server_error() {
                    tracing::warn!(kind = ?problem.kind(), "a request failed");
                }
                problem
            }
            Self::Store(error) => store_problem(&error),
            Self::Write(error) => write_problem(error),
        }
        .into_response()
    }
}

fn store_problem(error: &StoreError) -> Problem {
    if let Some(unlogged) = FAILED_READS.admit(Instant::now()) {
        tracing::error!(error = %telemetry::chain(error), unlogged, "a read failed");
    }
    match error {
        StoreError::Unavailable { .. } => Problem::new(
            Kind::StoreUnavailable,
            "the database cannot be read now; try again",
        ),
        _ => Problem::new(Kind::Internal, "the database gave an unexpected answer"),
    }
}

/// The problem of a write that was not acknowledged.
pub(super) fn write_problem(error: WriteError) -> Problem {
    let (kind, detail) = match error {
        WriteError::QueueFull => (
            Kind::QueueFull,
            "too many writes wait already; nothing was stored, try again",
        ),
        WriteError::Unavailable => (
            Kind::StoreUnavailable,
            "the database cannot take writes now; nothing was stored, try again",
        ),
        WriteError::ShuttingDown => (
            Kind::NotReady,
            "this writer is ending; nothing was stored, try again",
        ),
        WriteError::CommitUnknown => (
            Kind::CommitUnknown,
            "the write may be stored or not; read the document before trying again",
        ),
        WriteError::Refused => (
            Kind::InvalidDocument,
            "the database refuses the document; nothing was stored",
        ),
    };
    Problem::new(kind, detail)
}
