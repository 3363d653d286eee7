//! Answers that nobody may store.

use axum::response::{IntoResponse as _, Response};
use http::{HeaderValue, header};

pub(super) fn unstored(content_type: &'static str, text: String) -> Response {
    let mut response = ([(header::CONTENT_TYPE, content_type)], text).into_response();
    forbid_storing(&mut response);
    response
}

/// What is true now is not true later.
pub(super) fn forbid_storing(response: &mut Response) {
    response
        .headers_mut()
        .insert(header::CACHE_CONTROL, HeaderValue::from_static("no-store"));
}
