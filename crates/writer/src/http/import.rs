//! `POST /v1/{collection}/import`: documents in bulk, one a line.
//!
//! Each line is `{"id": .., "body": {..}}`, with `"expires_at": ".."` where the document expires, and
//! is judged by the rules of single writes. Lines are
//! read, rendered and queued in order, a bounded number ahead of their commits; one that is
//! invalid fails and its neighbours do not. The answer is a [`Report`] at the end.
//!
//! What cannot go on (the database is away, the writer ends, the content breaks off) ends the
//! import: a problem with the report's members, where `lines_done` says after which line to go on.
//! Putting a line again that was stored already changes nothing.
//!
//! The content is read only while a line can be taken further, so that a slow database slows the
//! client down and nothing piles up. How slow the client may be, the connection decides.

pub(crate) mod line;
mod report;
mod run;
mod window;

use std::sync::Arc;

use axum::{
    extract::{Request, State},
    response::{IntoResponse, Response},
};
use http::header;
use service::{Kind, Problem, target};
use tokio::sync::Semaphore;

use self::run::Import;
use super::{
    Backend,
    access::Grant,
    content,
    error::HttpError,
    expiry::EXPIRES_AT,
    openapi::{Collection, DOCUMENTS, Errors, ImportProblems},
    retry::IDEMPOTENCY_KEY,
};

pub use report::{LineError, Report};

/// Most imports at once in one process. More are answered 503: the queue of writes is shared, and
/// half of it stays for single ones.
pub const IMPORTS_MAX: usize = 2;

/// Most lines of one import that are queued and not yet answered: two full batches, so that one
/// waits while the other is committed.
pub const IN_FLIGHT_MAX: usize = 1024;

/// Failed lines that a report names unless the request asks for another number.
pub const ERRORS_STANDARD: usize = 100;

/// Most failed lines that a request may ask to be named.
pub const ERRORS_MAX: usize = 10_000;

/// What imports work with.
#[derive(Debug)]
pub(super) struct Imports {
    backend: Arc<Backend>,
    running: Semaphore,
}

impl Imports {
    pub(super) fn new(backend: Arc<Backend>) -> Self {
        Self {
            backend,
            running: Semaphore::new(IMPORTS_MAX),
        }
    }
}

/// `POST /v1/{collection}/import?errors=N`.
#[utoipa::path(
    post, path = "/v1/{collection}/import", tag = DOCUMENTS, params(Collection, Errors),
    request_body(content_type = "application/x-ndjson", content = serde_json::Value,
        description = "Lines of `{\"id\": .., \"body\": {..}}`; `\"expires_at\"` is to a line what Pressrun-Expires-At is to a single write."),
    responses(
        (status = 200, description = "Every line is settled.", body = Report),
        ImportProblems,
    ),
    security((), ("token" = [])),
)]
pub(super) async fn receive(
    State(imports): State<Arc<Imports>>,
    request: Request,
) -> Result<Response, HttpError> {
    let collection = collection_of(request.uri().path())?;
    let errors_max = errors_asked(request.uri().query())?;
    refuse_conditions(&request)?;
    content::check_lines(request.headers())?;
    let Ok(_running) = imports.running.try_acquire() else {
        let detail = format!("{IMPORTS_MAX} imports run already; nothing was stored, try again");
        return Err(Problem::new(Kind::QueueFull, detail).into());
    };
    let grant = Grant::of(&request);
    let import = Import::new(&imports.backend, collection, grant, errors_max);
    // Boxed: it holds everything an import has in flight.
    Ok(Box::pin(import.run(request.into_body()))
        .await
        .into_response())
}

/// The collection in `/v1/{collection}/import`.
fn collection_of(path: &str) -> Result<String, Problem> {
    let segments = path.strip_prefix("/v1/").unwrap_or_default();
    let (collection, id) = segments.split_once('/').unwrap_or((segments, ""));
    let key = target::key_from_path(collection, id)?;
    Ok(key.collection().to_owned())
}

/// How many failed lines the report is to name.
fn errors_asked(query: Option<&str>) -> Result<usize, Problem> {
    let mut values = query.unwrap_or_default().split('&').filter_map(|pair| {
        let (name, value) = pair.split_once('=').unwrap_or((pair, ""));
        (name == "errors").then_some(value)
    });
    match (values.next(), values.next()) {
        (None, _) => Some(ERRORS_STANDARD),
        (Some(value), None) => value.parse().ok().filter(|errors| *errors <= ERRORS_MAX),
        (Some(_), Some(_)) => None,
    }
    .ok_or_else(|| {
        let detail = format!("errors, if given, is one number from 0 to {ERRORS_MAX}");
        Problem::new(Kind::MalformedRequest, detail)
    })
}

/// An import has many documents, and a condition that is not evaluated must not look as if it were;
/// nor must an expiry that no document gets, which each line may have of its own.
/// It needs no key to be repeated: lines that are stored change nothing.
fn refuse_conditions(request: &Request) -> Result<(), Problem> {
    let fields = [
        header::IF_MATCH,
        header::IF_NONE_MATCH,
        IDEMPOTENCY_KEY,
        EXPIRES_AT,
    ];
    match fields
        .iter()
        .find(|name| request.headers().contains_key(*name))
    {
        Some(name) => Err(Problem::new(
            Kind::MalformedRequest,
            format!("an import takes no {name}"),
        )),
        None => Ok(()),
    }
}
