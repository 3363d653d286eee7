//! Answers to requests that went well.

use axum::{
    body::Body,
    response::{IntoResponse, Response},
};
use bytes::Bytes;
use http::{HeaderName, HeaderValue, StatusCode, header};
use serde::Serialize;
use service::target;
use shared::{EntityTag, Position, ResourceKey, Timestamp, Version};
use utoipa::ToSchema;

use super::{expiry::EXPIRES_AT, retry::REPLAYED};
use crate::store::{Document, Receipt};

/// Where the database stood: `<epoch>.<sequence>`.
pub(super) const POSITION: HeaderName = HeaderName::from_static("pressrun-position");

/// A document's version.
pub(super) const DOCUMENT_VERSION: HeaderName =
    HeaderName::from_static("pressrun-document-version");

/// A put that was committed.
#[derive(Debug)]
pub(super) struct Written {
    pub(super) key: ResourceKey,
    /// 201 where there was no document before, else 200.
    pub(super) status: StatusCode,
    pub(super) version: Version,
    pub(super) position: Position,
    /// Of the identity representation.
    pub(super) tag: EntityTag,
    pub(super) expires_at: Option<Timestamp>,
    /// Whether this is what the same request was answered before.
    pub(super) is_replayed: bool,
}

impl Written {
    /// What a write was answered the first time.
    pub(super) fn again(receipt: Receipt, expires_at: Option<Timestamp>) -> Self {
        Self {
            key: receipt.key,
            status: if receipt.is_created {
                StatusCode::CREATED
            } else {
                StatusCode::OK
            },
            version: receipt.version,
            position: receipt.position,
            tag: receipt.tag,
            expires_at,
            is_replayed: true,
        }
    }
}

/// What is stored now.
#[derive(Serialize, ToSchema)]
#[schema(as = Written)]
pub(super) struct Content<'a> {
    /// The document's id.
    id: &'a str,
    /// Its version: 1 for a new document, one more with each change.
    version: u64,
    /// The strong entity tag of its identity representation.
    etag: String,
    /// `<epoch>.<sequence>`: a read that bears it as `Pressrun-At-Least` sees this write.
    position: String,
}

/// `{id, version, etag, position}`, and the same in header fields.
pub(super) fn written(written: &Written) -> Response {
    let content = Content {
        id: written.key.id(),
        version: written.version.0,
        etag: written.tag.to_string(),
        position: written.position.to_string(),
    };
    let octets = serde_json::to_vec(&content).unwrap_or_default();
    let mut response = (written.status, octets).into_response();
    set_json(&mut response, "no-store");
    let headers = response.headers_mut();
    headers.insert(header::ETAG, tag_field(written.tag));
    headers.insert(header::LOCATION, text_field(&target::path_of(&written.key)));
    headers.insert(POSITION, text_field(&content.position));
    headers.insert(DOCUMENT_VERSION, version_field(written.version));
    if written.is_replayed {
        headers.insert(REPLAYED, HeaderValue::from_static("true"));
    }
    set_expiry(&mut response, written.expires_at);
    response
}

/// The same answer without its entity tag.
pub(super) fn without_validator(mut response: Response) -> Response {
    response.headers_mut().remove(header::ETAG);
    response
}

/// 200 with this JSON.
pub(super) fn json(content: &impl Serialize) -> Response {
    let content = serde_json::to_vec(content).unwrap_or_default();
    let mut response = content.into_response();
    set_json(&mut response, "no-store");
    response
}

/// 204.
pub(super) fn deleted(position: Position) -> Response {
    at_position(StatusCode::NO_CONTENT, position)
}

/// An answer that tells where the database stood.
pub(super) fn at_position(answer: impl IntoResponse, position: Position) -> Response {
    let mut response = answer.into_response();
    let headers = response.headers_mut();
    headers.insert(POSITION, text_field(&position.to_string()));
    response
}

/// 200 with the document itself.
pub(super) fn document(document: &Document, tag: EntityTag, body: Bytes) -> Response {
    let mut response = Body::from(body).into_response();
    set_json(&mut response, "no-cache");
    set_validators(&mut response, document.version, tag);
    set_expiry(&mut response, document.expires_at);
    response
}

/// 304 (RFC 9110 §15.4.5). Its Content-Length is that of the 200 (§8.6).
pub(super) fn not_modified(document: &Document, tag: EntityTag, len: usize) -> Response {
    let mut response = StatusCode::NOT_MODIFIED.into_response();
    set_validators(&mut response, document.version, tag);
    set_expiry(&mut response, document.expires_at);
    let headers = response.headers_mut();
    headers.insert(header::CACHE_CONTROL, HeaderValue::from_static("no-cache"));
    headers.insert(header::CONTENT_LENGTH, len.into());
    response
}

fn set_json(response: &mut Response, cache_control: &'static str) {
    let headers = response.headers_mut();
    let mut set = |name, value| {
        headers.insert(name, HeaderValue::from_static(value));
    };
    set(header::CONTENT_TYPE, "application/json");
    set(header::CACHE_CONTROL, cache_control);
    set(header::X_CONTENT_TYPE_OPTIONS, "nosniff");
}

fn set_validators(response: &mut Response, version: Version, tag: EntityTag) {
    let headers = response.headers_mut();
    headers.insert(header::ETAG, tag_field(tag));
    headers.insert(DOCUMENT_VERSION, version_field(version));
}

fn set_expiry(response: &mut Response, expires_at: Option<Timestamp>) {
    if let Some(at) = expires_at {
        let headers = response.headers_mut();
        headers.insert(EXPIRES_AT, text_field(&at.to_string()));
    }
}

fn tag_field(tag: EntityTag) -> HeaderValue {
    text_field(&tag.to_string())
}

fn version_field(version: Version) -> HeaderValue {
    version.0.into()
}

/// Digits, hexadecimal digits, percent-encoded octets, instants: always a valid field value.
fn text_field(text: &str) -> HeaderValue {
    HeaderValue::from_str(text).unwrap_or_else(|_never| HeaderValue::from_static(""))
}
