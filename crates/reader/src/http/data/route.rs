//! Which routes there are, and what a request asks of them.
//!
//! Three, so no router: ids are decoded once, by [`service::target`], from segments as they stand in
//! the URL.

use http::{Method, Uri};
use service::{
    Kind, Problem,
    target::{self, Parts},
};
use shared::ResourceKey;

/// Upper bound on path and query of a request, in octets; longer ones are 414. RFC 9110 §4.1
/// recommends at least 8,000. The longest key, percent-encoded, needs 833.
pub const TARGET_BYTES_MAX: usize = 8192;

const ALLOWED: &str = "GET, HEAD";

pub(super) enum Route<'a> {
    Health,
    Document(Result<Parts<'a>, Problem>),
}

/// The key of a read; none where the request is something else, or wrong.
pub(super) fn document_key(method: &Method, uri: &Uri) -> Option<ResourceKey> {
    let Ok(Route::Document(Ok((collection, id)))) = route(method, uri) else {
        return None;
    };
    ResourceKey::parse(&collection, &id).ok()
}

/// Finds the route, then checks the method, then the key: so 405 only where another method works.
pub(super) fn route<'a>(method: &Method, uri: &'a Uri) -> Result<Route<'a>, Problem> {
    check_length(uri)?;
    let is_read = method == Method::GET || method == Method::HEAD;
    let document_path = document_segments(uri.path());
    match uri.path() {
        "/post" | "/health" if !is_read => Err(Problem::method_not_allowed(ALLOWED)),
        "/post" => Ok(Route::Document(target::post_parts(uri.query()))),
        "/health" => Ok(Route::Health),
        _ => match document_path {
            Some(_) if !is_read => Err(Problem::method_not_allowed(ALLOWED)),
            Some((collection, id)) => Ok(Route::Document(target::path_parts(collection, id))),
            None => Err(Problem::new(Kind::NoSuchRoute, "there is no such route")),
        },
    }
}

/// The key of a request whose path has been found to be like that of `/post`.
///
/// # Errors
/// 405, 414, or 400 where `id` is missing, repeated or not valid.
pub(in crate::http) fn post_key(method: &Method, uri: &Uri) -> Result<ResourceKey, Problem> {
    check_length(uri)?;
    if method != Method::GET && method != Method::HEAD {
        return Err(Problem::method_not_allowed(ALLOWED));
    }
    target::post_from_query(uri.query())
}

fn check_length(uri: &Uri) -> Result<(), Problem> {
    let target_len = uri
        .path_and_query()
        .map_or(0, |target| target.as_str().len());
    if target_len > TARGET_BYTES_MAX {
        return Err(Problem::new(
            Kind::UriTooLong,
            format!(
                "path and query have {target_len} octets; at most {TARGET_BYTES_MAX} are allowed"
            ),
        ));
    }
    Ok(())
}

/// The two segments of `/v1/{collection}/{id}`, still encoded: `%2F` divides nothing.
fn document_segments(path: &str) -> Option<(&str, &str)> {
    let (collection, id) = path.strip_prefix("/v1/")?.split_once('/')?;
    (!id.contains('/')).then_some((collection, id))
}

/// What answers a document, as the conventions write it.
pub(crate) fn route_template(path: &str) -> Option<&'static str> {
    match path {
        "/post" => Some("/post"),
        "/health" => Some("/health"),
        _ => document_segments(path).map(|_segments| "/v1/{collection}/{id}"),
    }
}
