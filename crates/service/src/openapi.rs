//! `/openapi.json`, what a service answers in `OpenAPI` 3.1, and `/docs/`, a page that shows it.
//!
//! The page's files are part of the program: it loads nothing from anywhere else.

mod problems;

use std::sync::Arc;

use axum::{
    Router,
    response::{IntoResponse, Redirect, Response},
    routing::get,
};
use http::{HeaderName, HeaderValue, Uri, header};
use utoipa::openapi::OpenApi;
use utoipa_swagger_ui::Config;

pub use problems::{PROBLEM, problem_schema, problems};

use crate::{Kind, Problem};

/// Where the description is.
const DESCRIPTION: &str = "/openapi.json";

/// What the page may load and send: its own files, and requests to this service. Its style sheets
/// are partly written into elements.
const PAGE_POLICY: &str = "default-src 'none'; script-src 'self'; style-src 'self' 'unsafe-inline'; \
                           img-src 'self' data:; connect-src 'self'; frame-ancestors 'none'";

/// The routes of a service that answers as described. Other methods than GET and HEAD are refused.
pub fn routes<S>(description: &OpenApi) -> Router<S>
where
    S: Clone + Send + Sync + 'static,
{
    // Cannot fail: all keys are texts.
    let json: Arc<[u8]> = description
        .to_json()
        .unwrap_or_default()
        .into_bytes()
        .into();
    let describe = move || async move { answer("application/json", json.to_vec()) };
    Router::new()
        .route(DESCRIPTION, get(describe))
        .route("/docs", get(async || Redirect::permanent("/docs/")))
        .route("/docs/", get(async || page_file("")))
        .route(
            "/docs/{*file}",
            // As it stands: an extractor would answer for itself what it cannot decode.
            get(async |uri: Uri| page_file(uri.path().strip_prefix("/docs/").unwrap_or_default())),
        )
        .method_not_allowed_fallback(async || Problem::method_not_allowed("GET, HEAD"))
}

fn page_file(path: &str) -> Response {
    let config = Arc::new(Config::from(DESCRIPTION));
    match utoipa_swagger_ui::serve(path, config) {
        Ok(Some(file)) => answer(&file.content_type, file.bytes.into_owned()),
        Ok(None) => Problem::new(Kind::NoSuchRoute, "the page has no such file").into_response(),
        Err(error) => {
            tracing::error!(%error, "a file of the page was not made");
            Problem::new(Kind::Internal, "the page could not be made").into_response()
        }
    }
}

/// A release has other files under the same names, so caches ask again.
fn answer(content_type: &str, octets: Vec<u8>) -> Response {
    let mut response = octets.into_response();
    let headers = response.headers_mut();
    let mut set = |name: HeaderName, value: &str| {
        if let Ok(value) = HeaderValue::from_str(value) {
            headers.insert(name, value);
        }
    };
    set(header::CONTENT_TYPE, content_type);
    set(header::CACHE_CONTROL, "no-cache");
    set(header::X_CONTENT_TYPE_OPTIONS, "nosniff");
    set(header::CONTENT_SECURITY_POLICY, PAGE_POLICY);
    response
}
