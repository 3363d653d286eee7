//! The handlers of documents.
//!
//! A write is checked in this order, and the first failure answers: target, conditions, expiry, header
//! fields of the content, its length, the content itself, then whether the conditions hold.

use std::sync::Arc;

use axum::{
    extract::{Request, State},
    response::Response,
};
use bytes::Bytes;
use http::{HeaderMap, StatusCode, Uri};
use service::{Kind, Problem, target};
use shared::{EntityTag, KeyError, Representation, ResourceKey, Timestamp};
use uuid::Uuid;

use super::{
    Backend,
    access::Caller,
    answer,
    conditions::Conditions,
    content,
    error::HttpError,
    expiry,
    openapi::{
        Collection, DOCUMENTS, DeleteProblems, ExpiresAt, IdempotencyKey, IfMatch, IfNoneMatch,
        Post, ReadProblems, Target, WriteProblems, Written,
    },
    retry::{IDEMPOTENCY_KEY, Repeatable},
    write,
};
use crate::{
    commit::ContentRoom,
    document::{self, Body, BodyError},
    render::render,
    store::{Action, Outcome},
};

type Answer = Result<Response, HttpError>;

/// `GET` and `HEAD /v1/{collection}/{id}`.
#[utoipa::path(
    get, path = "/v1/{collection}/{id}", tag = DOCUMENTS, params(Target, IfMatch, IfNoneMatch),
    responses(
        (status = 200, description = "The document, in identity coding.", body = Object,
            headers(("ETag", description = "Its strong entity tag."),
                ("Pressrun-Document-Version", description = "Its version."))),
        (status = 304, description = "If-None-Match names its entity tag."),
        ReadProblems,
    ),
)]
pub(super) async fn read(State(backend): State<Arc<Backend>>, request: Request) -> Answer {
    let key = key_of(request.uri())?;
    let conditions = Conditions::parse(request.headers())?;
    let Some(document) = write::live(&backend, &key).await? else {
        return Err(no_such_document().into());
    };
    if conditions.has_if_match() {
        let tags = write::tags(&backend, document.clone()).await;
        if !conditions.if_match_holds(Some(&tags)) {
            return Err(write::failed());
        }
    }
    let body = document.body.clone().unwrap_or_default();
    // Only identity is sent here, so only its tag is current for a 304 (RFC 9110 §13.1.2).
    let tag = EntityTag::of(&body);
    if conditions.if_none_match_holds(Some(&[tag])) {
        Ok(answer::document(&document, tag, body))
    } else {
        Ok(answer::not_modified(&document, tag, body.len()))
    }
}

/// `PUT /v1/{collection}/{id}`.
#[utoipa::path(
    put, path = "/v1/{collection}/{id}", tag = DOCUMENTS,
    params(Target, IfMatch, IfNoneMatch, ExpiresAt),
    request_body(content = Object, description = "A JSON object; in the collection `posts` a post."),
    responses(Written, WriteProblems), security((), ("token" = [])),
)]
pub(super) async fn put(State(backend): State<Arc<Backend>>, request: Request) -> Answer {
    let key = key_of(request.uri())?;
    let conditions = Conditions::parse(request.headers())?;
    let expires_at = expiry::parse(request.headers())?;
    expiry::check(expires_at, expiry::now())?;
    let mut room = backend.committer.content_room();
    let (parts, content) = request.into_parts();
    let content = content::read(&parts.headers, content, &mut room).await?;
    let sent = content.clone();
    let content_bytes = content.len();
    let parse = move || {
        let body = document::parse(&key, &content)?;
        Ok((key, body))
    };
    let pressed = press(&backend, content_bytes, parse).await?;
    let is_stored_as_sent = pressed.body.octets() == &sent;
    let written = commit(&backend, pressed, expires_at, &conditions, None).await?;
    if is_stored_as_sent {
        Ok(answer::written(&written))
    } else {
        // RFC 9110 §9.3.4: no validator where what is stored differs from what was sent. The
        // answer's content has the tag.
        Ok(answer::without_validator(answer::written(&written)))
    }
}

/// `DELETE /v1/{collection}/{id}`.
#[utoipa::path(
    delete, path = "/v1/{collection}/{id}", tag = DOCUMENTS,
    params(Target, IfMatch, IfNoneMatch),
    responses(
        (status = 204, description = "There is no such document any more.",
            headers(("Pressrun-Position", description = "Where the database stood."))),
        DeleteProblems,
    ),
    security((), ("token" = [])),
)]
pub(super) async fn delete(State(backend): State<Arc<Backend>>, request: Request) -> Answer {
    let key = key_of(request.uri())?;
    let conditions = Conditions::parse(request.headers())?;
    let deletion = write::Write {
        key,
        action: Action::Delete,
        representations: Vec::new(),
        retry: None,
    };
    let outcome = write::commit(&backend, deletion, &conditions).await?;
    if let Outcome::Deleted(committed) = outcome {
        return Ok(answer::deleted(committed.slot.position));
    }
    // A reader that has reached the head knows of the absence as well.
    let head = backend.store.feed().await?.tip.position;
    Ok(answer::at_position(no_such_document(), head))
}

/// `POST /v1/{collection}`, under an id made here.
#[utoipa::path(
    post, path = "/v1/{collection}", tag = DOCUMENTS,
    params(Collection, IfMatch, IfNoneMatch, ExpiresAt, IdempotencyKey),
    request_body(content = Object, description = "A JSON object; in the collection `posts` a post."),
    responses(Written, WriteProblems), security((), ("token" = [])),
)]
pub(super) async fn create_document(
    State(backend): State<Arc<Backend>>,
    request: Request,
) -> Answer {
    let collection = request.uri().path().strip_prefix("/v1/");
    let key = target::key_from_path(collection.unwrap_or_default(), &new_id())?;
    let conditions = Conditions::parse(request.headers())?;
    let expires_at = expiry_of_post(request.headers())?;
    let route = format!("/v1/{}", key.collection());
    let mut room = backend.committer.content_room();
    let (content, repeatable) = read_repeatable(request, &route, &mut room).await?;
    let content_bytes = content.len();
    let parse = move || {
        let body = document::parse(&key, &content)?;
        Ok((key, body))
    };
    let pressed = press(&backend, content_bytes, parse).await?;
    let written = commit(&backend, pressed, expires_at, &conditions, repeatable).await?;
    Ok(answer::written(&written))
}

/// `POST /create`: a post, under its own id or one made here.
#[utoipa::path(
    post, path = "/create", tag = DOCUMENTS,
    params(IfMatch, IfNoneMatch, ExpiresAt, IdempotencyKey),
    request_body = Post,
    responses(Written, WriteProblems), security((), ("token" = [])),
)]
pub(super) async fn create_post(State(backend): State<Arc<Backend>>, request: Request) -> Answer {
    let conditions = Conditions::parse(request.headers())?;
    let expires_at = expiry_of_post(request.headers())?;
    let mut room = backend.committer.content_room();
    let (content, repeatable) = read_repeatable(request, "/create", &mut room).await?;
    let content_bytes = content.len();
    let parse = move || document::parse_post(&content, new_id);
    let pressed = press(&backend, content_bytes, parse).await?;
    let written = commit(&backend, pressed, expires_at, &conditions, repeatable).await?;
    Ok(answer::written(&written))
}

/// Any method on `/v1/{collection}/`.
pub(super) async fn missing_id() -> Problem {
    Problem::new(Kind::MalformedRequest, KeyError::IdEmpty.to_string())
}

/// A body, ready to be committed.
struct Pressed {
    key: ResourceKey,
    body: Body,
    representations: Vec<Representation>,
}

/// Checks content and renders it, both in one go, on the renderer's threads where it is long
/// enough to be compressed. What is stored is hardly longer than what was sent.
async fn press<F>(backend: &Backend, content_bytes: usize, parse: F) -> Result<Pressed, HttpError>
where
    F: FnOnce() -> Result<(ResourceKey, Body), BodyError> + Send + 'static,
{
    let codings = backend.renderer.codings();
    let work = move || {
        let (key, body) = parse()?;
        let representations = render(body.octets(), codings);
        Ok(Pressed {
            key,
            body,
            representations,
        })
    };
    let pressed: Result<Pressed, BodyError> = backend.renderer.press(content_bytes, work).await;
    Ok(pressed?)
}

async fn commit(
    backend: &Backend,
    pressed: Pressed,
    expires_at: Option<Timestamp>,
    conditions: &Conditions,
    repeatable: Option<Repeatable>,
) -> Result<answer::Written, HttpError> {
    let body = pressed.body.into_octets();
    let tag = EntityTag::of(&body);
    let put = write::Write {
        key: pressed.key.clone(),
        action: Action::Put { body, expires_at },
        representations: pressed.representations,
        retry: repeatable.map(|one| one.with_tag(tag)),
    };
    let outcome = match expiry::check(expires_at, expiry::now()) {
        Ok(()) => write::commit(backend, put, conditions).await?,
        Err(passed) => write::carried_out_before(backend, &put, passed).await?,
    };
    let (status, version, position) = match outcome {
        Outcome::Created(made) => (StatusCode::CREATED, made.version, made.slot.position),
        Outcome::Updated(made) => (StatusCode::OK, made.version, made.slot.position),
        Outcome::Unchanged { version, position } => (StatusCode::OK, version, position),
        Outcome::Replayed(receipt) => return Ok(answer::Written::again(*receipt, expires_at)),
        Outcome::KeyReused => {
            let detail =
                "this Idempotency-Key came with another request before; nothing was stored";
            return Err(Problem::new(Kind::KeyReused, detail).into());
        }
        Outcome::Deleted(_) | Outcome::NotFound | Outcome::PreconditionFailed => {
            let detail = "the store answered a put as if it were something else";
            return Err(Problem::new(Kind::Internal, detail).into());
        }
    };
    Ok(answer::Written {
        key: pressed.key,
        status,
        version,
        position,
        tag,
        expires_at,
        is_replayed: false,
    })
}

/// The expiry that a POST asks for. Whether that has passed, a retry is asked later: what was
/// carried out in time is answered as it was.
fn expiry_of_post(headers: &HeaderMap) -> Result<Option<Timestamp>, Problem> {
    let expires_at = expiry::parse(headers)?;
    if !headers.contains_key(&IDEMPOTENCY_KEY) {
        expiry::check(expires_at, expiry::now())?;
    }
    Ok(expires_at)
}

/// The content of a POST, and what makes it repeatable.
async fn read_repeatable(
    request: Request,
    route: &str,
    room: &mut ContentRoom,
) -> Result<(Bytes, Option<Repeatable>), HttpError> {
    let caller = Caller::of(&request);
    let (parts, body) = request.into_parts();
    let content = content::read(&parts.headers, body, room).await?;
    let repeatable = Repeatable::of(&parts.headers, &caller, route, &content)?;
    Ok((content, repeatable))
}

/// The key in `/v1/{collection}/{id}`, taken from the path itself: the router's own parameters
/// are decoded already, and decoding twice would make another id of `%2541`.
fn key_of(uri: &Uri) -> Result<ResourceKey, Problem> {
    key_under("/v1/", uri)
}

/// The key that the two segments below `prefix` name.
pub(super) fn key_under(prefix: &str, uri: &Uri) -> Result<ResourceKey, Problem> {
    let segments = uri.path().strip_prefix(prefix).unwrap_or_default();
    let (collection, id) = segments.split_once('/').unwrap_or((segments, ""));
    target::key_from_path(collection, id)
}

/// UUIDv7 (RFC 9562 §5.7): ids made later sort later, which keeps the index's pages full.
fn new_id() -> String {
    Uuid::now_v7().to_string()
}

fn no_such_document() -> Problem {
    Problem::new(Kind::NoSuchDocument, "no document has this key")
}
