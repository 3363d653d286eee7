//! Bearer tokens (RFC 6750) before the handlers: whatever is no read needs one, if any does.

use std::sync::Arc;

use axum::{
    extract::{Request, State},
    middleware::Next,
    response::{IntoResponse, Response},
};
use http::{HeaderMap, Method, header};
use service::{Kind, Problem, target};

use crate::{
    access::{Access, AccessCounters, TokenFile, TokenHash},
    document::POSTS,
};

/// The name of the token that a request came with; empty where writes are open.
#[derive(Debug, Clone, Default)]
pub(super) struct Caller(pub(super) Arc<str>);

impl Caller {
    /// Of a request that [`guard`] let through.
    pub(super) fn of(request: &Request) -> Self {
        request.extensions().get().cloned().unwrap_or_default()
    }
}

/// The token that a request came with, for those that write for long.
#[derive(Debug, Clone)]
pub(super) struct Grant {
    file: Arc<TokenFile>,
    hash: TokenHash,
}

impl Grant {
    /// Of a request that [`guard`] let through; none where writes are open.
    pub(super) fn of(request: &Request) -> Option<Self> {
        request.extensions().get().cloned()
    }

    /// Whether the token may still write there.
    pub(super) fn holds(&self, collection: &str) -> bool {
        self.file.tokens().covers(&self.hash, collection)
    }
}

/// Lets a request through to its handler if it reads, or if its token may write there.
pub(super) async fn guard(
    State(access): State<Access>,
    mut request: Request,
    next: Next,
) -> Response {
    if let Access::Tokens(file) = &access
        && *request.method() != Method::GET
        && *request.method() != Method::HEAD
    {
        match admit(file, &request) {
            Ok((caller, hash)) => {
                let file = Arc::clone(file);
                request.extensions_mut().insert(caller);
                request.extensions_mut().insert(Grant { file, hash });
            }
            Err(problem) => return problem.into_response(),
        }
    }
    next.run(request).await
}

fn admit(file: &TokenFile, request: &Request) -> Result<(Caller, TokenHash), Problem> {
    let counters = file.counters();
    let secret = match bearer(request.headers()) {
        Bearer::Token(secret) => secret,
        Bearer::Missing => {
            AccessCounters::count(&counters.missing);
            let detail = "writes need a token: Authorization: Bearer TOKEN";
            return Err(Problem::new(Kind::Unauthorized, detail).challenging("Bearer"));
        }
        Bearer::Malformed => {
            AccessCounters::count(&counters.malformed);
            let detail = "there must be one field Authorization: Bearer TOKEN";
            let challenge = r#"Bearer error="invalid_request""#;
            return Err(Problem::new(Kind::MalformedRequest, detail).challenging(challenge));
        }
    };
    let tokens = file.tokens();
    let Some(token) = tokens.find(secret) else {
        AccessCounters::count(&counters.unknown);
        let challenge = r#"Bearer error="invalid_token""#;
        let detail = "nobody has this token";
        return Err(Problem::new(Kind::Unauthorized, detail).challenging(challenge));
    };
    // A target that names no collection names no document either: its handler says so.
    if let Some(collection) = collection_of(request.uri().path())
        && !token.covers(&collection)
    {
        AccessCounters::count(&counters.out_of_scope);
        let challenge = format!(r#"Bearer error="insufficient_scope", scope="{collection}:write""#);
        let detail = format!("this token may not write to {collection}");
        return Err(Problem::new(Kind::Forbidden, detail).challenging(challenge));
    }
    AccessCounters::count(&counters.granted);
    Ok((Caller(Arc::clone(token.name())), *token.hash()))
}

enum Bearer<'a> {
    Token(&'a [u8]),
    /// No credentials, or of another scheme.
    Missing,
    Malformed,
}

/// RFC 6750 §2.1. The scheme's name has no case (RFC 9110 §11.1).
fn bearer(headers: &HeaderMap) -> Bearer<'_> {
    let mut fields = headers.get_all(header::AUTHORIZATION).iter();
    let field = match (fields.next(), fields.next()) {
        (None, _) => return Bearer::Missing,
        (Some(field), None) => field.as_bytes(),
        (Some(_), Some(_)) => return Bearer::Malformed,
    };
    let end = field.iter().position(|octet| *octet == b' ');
    let (scheme, token) = field.split_at(end.unwrap_or(field.len()));
    if !scheme.eq_ignore_ascii_case(b"Bearer") {
        return Bearer::Missing;
    }
    let token = token.trim_ascii();
    let is_token = |octet: &u8| {
        octet.is_ascii_alphanumeric()
            || matches!(octet, b'-' | b'.' | b'_' | b'~' | b'+' | b'/' | b'=')
    };
    if token.is_empty() || !token.iter().all(is_token) {
        return Bearer::Malformed;
    }
    Bearer::Token(token)
}

/// The collection that a write to this path goes to, decoded as its handler does.
fn collection_of(path: &str) -> Option<String> {
    if path == "/create" {
        return Some(POSTS.to_owned());
    }
    let segments = path.strip_prefix("/v1/")?;
    let collection = segments.split('/').next().unwrap_or_default();
    let key = target::key_from_path(collection, "any").ok()?;
    Some(key.collection().to_owned())
}
