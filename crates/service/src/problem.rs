//! Problem details (RFC 9457): the one shape of every error answer.

use std::time::Duration;

use axum::response::{IntoResponse, Response};
use http::{HeaderValue, StatusCode, header};
use serde::Serialize;
use serde_json::{Map, Value};

/// What went wrong, as clients may branch on it. Each kind has one status, title and type.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Kind {
    /// 400: the request is not well formed.
    MalformedRequest,
    /// 401: the write needs a bearer token.
    Unauthorized,
    /// 403: the token may not do this.
    Forbidden,
    /// 404: no such route.
    NoSuchRoute,
    /// 404: no such document.
    NoSuchDocument,
    /// 405: the route has no such method.
    MethodNotAllowed,
    /// 408: the request did not arrive in time.
    RequestTimeout,
    /// 409: the position asked for is of an epoch that has ended, or history has forked.
    EpochEnded,
    /// 410: the changes asked for are no longer kept.
    Pruned,
    /// 412: If-Match or If-None-Match does not hold.
    PreconditionFailed,
    /// 413: the content is too large.
    ContentTooLarge,
    /// 414: the request target is too long.
    UriTooLong,
    /// 415: the content is not JSON, or it is coded.
    UnsupportedMediaType,
    /// 422: the content is JSON but not a valid document.
    InvalidDocument,
    /// 422: the key of a write that may be repeated came with another write before.
    KeyReused,
    /// 431: the header fields are too large or too many.
    HeadersTooLarge,
    /// 500: a defect of ours.
    Internal,
    /// 503: too many writes wait already.
    QueueFull,
    /// 503: others kept writing to the document while a conditional write was tried.
    Contended,
    /// 503: whether the write was stored is unknown.
    CommitUnknown,
    /// 503: the database is away; nothing was stored.
    StoreUnavailable,
    /// 503: the reader does not hold the documents yet.
    NotReady,
    /// 503: the reader does not hold the document and cannot fetch it now.
    Unfetched,
    /// 503: the reader has not reached the position asked for.
    Behind,
    /// 503: too many connections.
    TooManyConnections,
}

impl Kind {
    /// The status, the last part of the type, and the title.
    const fn parts(self) -> (StatusCode, &'static str, &'static str) {
        use StatusCode as S;
        match self {
            Self::MalformedRequest => (S::BAD_REQUEST, "malformed-request", "Malformed request"),
            Self::Unauthorized => (S::UNAUTHORIZED, "unauthorized", "Token needed"),
            Self::Forbidden => (S::FORBIDDEN, "forbidden", "Token not good for this"),
            Self::NoSuchRoute => (S::NOT_FOUND, "no-such-route", "No such route"),
            Self::NoSuchDocument => (S::NOT_FOUND, "no-such-document", "No such document"),
            Self::MethodNotAllowed => (
                S::METHOD_NOT_ALLOWED,
                "method-not-allowed",
                "Method not allowed",
            ),
            Self::RequestTimeout => (S::REQUEST_TIMEOUT, "request-timeout", "Request too slow"),
            Self::EpochEnded => (S::CONFLICT, "epoch-ended", "Epoch ended"),
            Self::Pruned => (S::GONE, "pruned", "Changes no longer kept"),
            Self::PreconditionFailed => (
                S::PRECONDITION_FAILED,
                "precondition-failed",
                "Precondition failed",
            ),
            Self::ContentTooLarge => (
                S::PAYLOAD_TOO_LARGE,
                "content-too-large",
                "Content too large",
            ),
            Self::UriTooLong => (S::URI_TOO_LONG, "uri-too-long", "Request target too long"),
            Self::UnsupportedMediaType => (
                S::UNSUPPORTED_MEDIA_TYPE,
                "unsupported-media-type",
                "Unsupported media type",
            ),
            Self::InvalidDocument => (
                S::UNPROCESSABLE_ENTITY,
                "invalid-document",
                "Invalid document",
            ),
            Self::KeyReused => (
                S::UNPROCESSABLE_ENTITY,
                "idempotency-key-reused",
                "Idempotency-Key used before",
            ),
            Self::HeadersTooLarge => (
                S::REQUEST_HEADER_FIELDS_TOO_LARGE,
                "headers-too-large",
                "Header fields too large",
            ),
            Self::Internal => (S::INTERNAL_SERVER_ERROR, "internal", "Internal error"),
            Self::QueueFull => (S::SERVICE_UNAVAILABLE, "queue-full", "Too many writes"),
            Self::Contended => (S::SERVICE_UNAVAILABLE, "contended", "Document contended"),
            Self::CommitUnknown => (
                S::SERVICE_UNAVAILABLE,
                "commit-unknown",
                "Outcome of the write unknown",
            ),
            Self::StoreUnavailable => {
                (S::SERVICE_UNAVAILABLE, "store-unavailable", "Database away")
            }
            Self::NotReady => (S::SERVICE_UNAVAILABLE, "not-ready", "Not ready"),
            Self::Unfetched => (
                S::SERVICE_UNAVAILABLE,
                "unfetched",
                "Document not in memory",
            ),
            Self::Behind => (S::SERVICE_UNAVAILABLE, "behind", "Position not reached"),
            Self::TooManyConnections => (
                S::SERVICE_UNAVAILABLE,
                "too-many-connections",
                "Too many connections",
            ),
        }
    }

    /// The status that answers bear.
    pub const fn status(self) -> StatusCode {
        self.parts().0
    }

    /// What the kind is called, for people.
    pub const fn title(self) -> &'static str {
        self.parts().2
    }

    /// The last part of the problem's type, for programs.
    pub const fn slug(self) -> &'static str {
        self.parts().1
    }

    /// How long a client should wait before it tries again, where trying again may help.
    const fn retry_after(self) -> Option<Duration> {
        match self {
            Self::QueueFull
            | Self::Contended
            | Self::CommitUnknown
            | Self::StoreUnavailable
            | Self::NotReady
            | Self::Unfetched
            | Self::Behind
            | Self::TooManyConnections => Some(Duration::from_secs(1)),
            _ => None,
        }
    }
}

/// An error answer. Renders as `application/problem+json` with `Cache-Control: no-store`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Problem {
    kind: Kind,
    detail: String,
    allow: Option<&'static str>,
    /// The media type that a 415 asks for.
    accept: &'static str,
    /// What a request with credentials should look like (RFC 9110 §11.6.1).
    challenge: Option<String>,
    members: Map<String, Value>,
}

#[derive(Serialize)]
struct Body<'a> {
    r#type: String,
    title: &'a str,
    status: u16,
    detail: &'a str,
    #[serde(flatten)]
    members: &'a Map<String, Value>,
}

impl Problem {
    /// A problem with a sentence for people: what was wrong and which limit it broke. It must not
    /// tell what a stranger should not know.
    pub fn new(kind: Kind, detail: impl Into<String>) -> Self {
        Self {
            kind,
            detail: detail.into(),
            allow: None,
            accept: "application/json",
            challenge: None,
            members: Map::new(),
        }
    }

    /// The same problem with more members (RFC 9457 §3.2). None may have the name of a standard
    /// one.
    #[must_use]
    pub fn with_members(mut self, members: Map<String, Value>) -> Self {
        self.members = members;
        self
    }

    /// The same problem; a 415 then asks for this media type. By default `application/json`.
    #[must_use]
    pub fn accepting(mut self, media_type: &'static str) -> Self {
        self.accept = media_type;
        self
    }

    /// The same problem with this WWW-Authenticate field, which is ASCII. A 401 has `Bearer` without.
    #[must_use]
    pub fn challenging(mut self, challenge: impl Into<String>) -> Self {
        self.challenge = Some(challenge.into());
        self
    }

    /// 405 with its Allow field (RFC 9110 §15.5.6), e.g. `"GET, HEAD"`.
    pub fn method_not_allowed(allow: &'static str) -> Self {
        Self {
            allow: Some(allow),
            ..Self::new(Kind::MethodNotAllowed, format!("this route allows {allow}"))
        }
    }

    /// What went wrong.
    pub fn kind(&self) -> Kind {
        self.kind
    }

    /// The JSON body.
    pub fn to_json(&self) -> Vec<u8> {
        let (status, slug, title) = self.kind.parts();
        let body = Body {
            r#type: format!("urn:pressrun:problem:{slug}"),
            title,
            status: status.as_u16(),
            detail: &self.detail,
            members: &self.members,
        };
        serde_json::to_vec(&body).unwrap_or_default()
    }
}

impl IntoResponse for Problem {
    fn into_response(self) -> Response {
        let mut response = (self.kind.status(), self.to_json()).into_response();
        let headers = response.headers_mut();
        let mut set = |name, value| {
            headers.insert(name, HeaderValue::from_static(value));
        };
        set(header::CONTENT_TYPE, "application/problem+json");
        set(header::CACHE_CONTROL, "no-store");
        set(header::X_CONTENT_TYPE_OPTIONS, "nosniff");
        if let Some(allow) = self.allow {
            set(header::ALLOW, allow);
        }
        if self.kind == Kind::Unauthorized {
            set(header::WWW_AUTHENTICATE, "Bearer");
        }
        if let Some(challenge) = self.challenge
            && let Ok(challenge) = HeaderValue::try_from(challenge)
        {
            headers.insert(header::WWW_AUTHENTICATE, challenge);
        }
        let mut set = |name, value| {
            headers.insert(name, HeaderValue::from_static(value));
        };
        if self.kind == Kind::UnsupportedMediaType {
            // RFC 9110 §15.5.16: what would have been taken instead.
            set(header::ACCEPT, self.accept);
            set(header::ACCEPT_ENCODING, "identity");
        }
        if let Some(delay) = self.kind.retry_after() {
            headers.insert(header::RETRY_AFTER, delay.as_secs().into());
        }
        response
    }
}
