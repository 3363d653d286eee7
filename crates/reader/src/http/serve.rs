//! The hot path: one plain function from a key and a request's header fields to an answer.
//!
//! # Budget
//!
//! A 200 allocates six times, a 304 four times, whatever the length of the document: twice for the
//! header map, once for each value that is the document's own, once to keep the content. Anything
//! else allocates nothing (`tests/serve.rs` counts). A document that expires costs a look
//! or two at the monotonic clock, and its Cache-Control may be formatted. No lock is held but for the look-up,
//! in shared mode. Nothing is awaited, formatted, hashed (but the key), compressed or logged.
//! Date is not set here: the connection writes it, from a copy that it renews once a second.

use bytes::Bytes;
use http::{HeaderMap, HeaderName, HeaderValue, Method, Response, StatusCode, header};
use http_body_util::Full;
use shared::ContentCoding;

use super::{
    DataResponse,
    conditional::is_held,
    freshness::CacheControl,
    negotiate::{Preferences, negotiate},
};
use crate::{
    catalog::{Catalog, KeyRef, Lookup},
    entry::{Entry, Prepared},
};

/// The document's version: 1 when created, one more with each change.
pub const DOCUMENT_VERSION: HeaderName = HeaderName::from_static("pressrun-document-version");

const JSON: HeaderValue = HeaderValue::from_static("application/json");
const NOSNIFF: HeaderValue = HeaderValue::from_static("nosniff");
const ACCEPT_ENCODING: HeaderValue = HeaderValue::from_static("Accept-Encoding");
const GZIP: HeaderValue = HeaderValue::from_static(ContentCoding::Gzip.token());
const BROTLI: HeaderValue = HeaderValue::from_static(ContentCoding::Brotli.token());
const ZSTD: HeaderValue = HeaderValue::from_static(ContentCoding::Zstd.token());

/// When the document ends to be served, RFC 3339 in UTC.
pub const EXPIRES_AT: HeaderName = HeaderName::from_static("pressrun-expires-at");

/// Fields of the fullest answer, so that the map never grows. Three more fit.
const FIELDS_MAX: usize = 9;

/// What a read comes to.
#[derive(Debug)]
pub enum Answer {
    /// 200 with the document; without content for HEAD.
    Document(DataResponse),
    /// 304.
    NotModified(DataResponse),
    /// There is no such document.
    Absent,
    /// Whether there is such a document is not known.
    Unknown,
}

/// Answers a read of `key`. `method` must be GET or HEAD; `cache_control` is what documents bear.
pub fn respond<'a>(
    catalog: &Catalog,
    cache_control: &CacheControl,
    key: impl Into<KeyRef<'a>>,
    headers: &HeaderMap,
    method: &Method,
) -> Answer {
    let entry = match catalog.lookup(key) {
        Lookup::Hit(entry) => entry,
        Lookup::Absent => return Answer::Absent,
        Lookup::Unknown => return Answer::Unknown,
    };
    let preferences = Preferences::parse(values(headers, &header::ACCEPT_ENCODING));
    let selected = negotiate(&preferences, entry.representations(), |one| {
        (one.coding(), one.octets_len())
    });
    // A hit is no tombstone, so it has representations; it may have expired just now.
    let (Some(selected), Some(cache_control)) =
        (selected, cache_control_for(catalog, cache_control, &entry))
    else {
        return Answer::Absent;
    };
    let if_none_match = values(headers, &header::IF_NONE_MATCH);
    if is_held(if_none_match, &selected.opaque_tag()) {
        Answer::NotModified(not_modified(cache_control, &entry, selected))
    } else {
        Answer::Document(document(cache_control, &entry, selected, method))
    }
}

/// `None` where the document has expired.
fn cache_control_for(
    catalog: &Catalog,
    cache_control: &CacheControl,
    entry: &Entry,
) -> Option<HeaderValue> {
    let Some(at) = entry.expires_at() else {
        return Some(cache_control.field());
    };
    let remaining_micros = at.0.saturating_sub(catalog.database_time()?.0);
    let remaining = u64::try_from(remaining_micros).ok()?;
    Some(cache_control.field_for(remaining / 1_000_000))
}

fn values<'a>(headers: &'a HeaderMap, name: &HeaderName) -> impl Iterator<Item = &'a [u8]> {
    headers.get_all(name).into_iter().map(HeaderValue::as_bytes)
}

fn document(
    cache_control: HeaderValue,
    entry: &Entry,
    selected: Prepared<'_>,
    method: &Method,
) -> DataResponse {
    // RFC 9110 §9.3.2: HEAD has the fields that GET would have, Content-Length among them.
    let content = if method == Method::HEAD {
        Bytes::new()
    } else {
        selected.body()
    };
    let mut headers = common_fields(cache_control, entry, selected);
    headers.insert(header::CONTENT_TYPE, JSON);
    headers.insert(header::CONTENT_LENGTH, selected.length_field());
    headers.insert(header::X_CONTENT_TYPE_OPTIONS, NOSNIFF);
    match selected.coding() {
        ContentCoding::Identity => None,
        ContentCoding::Gzip => headers.insert(header::CONTENT_ENCODING, GZIP),
        ContentCoding::Brotli => headers.insert(header::CONTENT_ENCODING, BROTLI),
        ContentCoding::Zstd => headers.insert(header::CONTENT_ENCODING, ZSTD),
    };
    let mut response = Response::new(Full::new(content));
    *response.headers_mut() = headers;
    response
}

/// RFC 9110 §15.4.5: the fields that 200 would have and that update what a cache stores.
fn not_modified(cache_control: HeaderValue, entry: &Entry, selected: Prepared<'_>) -> DataResponse {
    let mut response = Response::new(Full::default());
    *response.status_mut() = StatusCode::NOT_MODIFIED;
    *response.headers_mut() = common_fields(cache_control, entry, selected);
    response
}

/// What 200 and 304 share. The version is among it because equal octets may come back under a
/// higher version, and a cache should then learn of it.
fn common_fields(cache_control: HeaderValue, entry: &Entry, selected: Prepared<'_>) -> HeaderMap {
    let mut headers = HeaderMap::with_capacity(FIELDS_MAX);
    headers.insert(header::ETAG, selected.etag_field());
    headers.insert(header::VARY, ACCEPT_ENCODING);
    headers.insert(header::CACHE_CONTROL, cache_control);
    headers.insert(DOCUMENT_VERSION, entry.version_field());
    if let Some(expiry) = entry.expiry_field() {
        headers.insert(EXPIRES_AT, expiry);
    }
    headers
}
