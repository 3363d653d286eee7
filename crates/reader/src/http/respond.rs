//! A decided read as a response for hyper.
//!
//! # Budget
//!
//! A 200 or 304 allocates twice, both for the header map, whatever the length of the document
//! (`tests/serve.rs` counts). Where a document expires, its Cache-Control may be formatted. Date is
//! not set here: the connection writes it, from a copy that it renews once a second.

use bytes::Bytes;
use http::{HeaderMap, HeaderName, HeaderValue, Method, Response, StatusCode, header};
use http_body_util::Full;
use shared::{ContentCoding, EntityTag};

use super::{DataResponse, freshness::CacheControl, serve::Selected};

/// The document's version: 1 when created, one more with each change.
pub const DOCUMENT_VERSION: HeaderName = HeaderName::from_static("pressrun-document-version");

/// When the document ends to be served, RFC 3339 in UTC.
pub const EXPIRES_AT: HeaderName = HeaderName::from_static("pressrun-expires-at");

/// The media type of every document.
pub(crate) const JSON: HeaderValue = HeaderValue::from_static("application/json");
/// X-Content-Type-Options of every document.
pub(crate) const NOSNIFF: HeaderValue = HeaderValue::from_static("nosniff");
/// Vary of every document.
pub(crate) const ACCEPT_ENCODING: HeaderValue = HeaderValue::from_static("Accept-Encoding");

/// Fields of the fullest answer, so that the map never grows. Three more fit.
const FIELDS_MAX: usize = 9;

/// 200 with the document; without content for HEAD. `method` must be GET or HEAD.
pub fn document(
    cache_control: &CacheControl,
    selected: &Selected,
    method: &Method,
) -> DataResponse {
    // RFC 9110 §9.3.2: HEAD has the fields that GET would have, Content-Length among them.
    let content = if method == Method::HEAD {
        Bytes::new()
    } else {
        Bytes::from_owner(selected.content().clone())
    };
    let mut headers = common_fields(cache_control, selected);
    headers.insert(header::CONTENT_TYPE, JSON);
    let length = selected.content().as_ref().len();
    headers.insert(header::CONTENT_LENGTH, length.into());
    headers.insert(header::X_CONTENT_TYPE_OPTIONS, NOSNIFF);
    if selected.coding() != ContentCoding::Identity {
        let token = HeaderValue::from_static(selected.coding().token());
        headers.insert(header::CONTENT_ENCODING, token);
    }
    let mut response = Response::new(Full::new(content));
    *response.headers_mut() = headers;
    response
}

/// RFC 9110 §15.4.5: the fields that 200 would have and that update what a cache stores.
pub fn not_modified(cache_control: &CacheControl, selected: &Selected) -> DataResponse {
    let mut response = Response::new(Full::default());
    *response.status_mut() = StatusCode::NOT_MODIFIED;
    *response.headers_mut() = common_fields(cache_control, selected);
    response
}

/// What 200 and 304 share. The version is among it because equal octets may come back under a
/// higher version, and a cache should then learn of it.
fn common_fields(cache_control: &CacheControl, selected: &Selected) -> HeaderMap {
    let mut headers = HeaderMap::with_capacity(FIELDS_MAX);
    headers.insert(header::ETAG, etag(selected.tag()));
    headers.insert(header::VARY, ACCEPT_ENCODING);
    let cache_control = match selected.remaining_seconds() {
        None => cache_control.field(),
        Some(remaining) => cache_control.field_for(remaining),
    };
    headers.insert(header::CACHE_CONTROL, cache_control);
    headers.insert(DOCUMENT_VERSION, selected.entry().version().0.into());
    if let Some(expiry) = selected.entry().expiry_text() {
        headers.insert(EXPIRES_AT, field(expiry));
    }
    headers
}

fn etag(tag: EntityTag) -> HeaderValue {
    field(&tag.to_field())
}

/// Quotes, digits and instants only, as they are written at apply time, so never refused.
fn field(octets: &[u8]) -> HeaderValue {
    HeaderValue::from_bytes(octets).unwrap_or_else(|_never| HeaderValue::from_static(""))
}
