//! What holds for every route of a plane.

use std::any::Any;

use axum::{
    Router,
    extract::Request,
    middleware::{self, Next},
    response::{IntoResponse, Response},
};
use service::{Kind, Problem};
use tower_http::catch_panic::CatchPanicLayer;

/// Upper bound on a request target, in octets: what RFC 9110 §4.1 asks every server to take. The
/// longest that names a document has 840. Longer ones are refused with 414.
pub const TARGET_BYTES_MAX: usize = 8000;

/// Adds to `routes` what every plane has: problems for unknown routes, long targets and panics.
pub(super) fn harden(routes: Router) -> Router {
    // The last layer is the outermost.
    routes
        .fallback(no_such_route)
        .layer(middleware::from_fn(limit_target))
        .layer(CatchPanicLayer::custom(answer_panic))
}

async fn no_such_route() -> Problem {
    Problem::new(Kind::NoSuchRoute, "no route has this path")
}

async fn limit_target(request: Request, next: Next) -> Response {
    let uri = request.uri();
    let len = uri.path().len() + uri.query().map_or(0, |query| query.len() + 1);
    if len > TARGET_BYTES_MAX {
        let detail =
            format!("the request target has {len} octets; at most {TARGET_BYTES_MAX} are allowed");
        return Problem::new(Kind::UriTooLong, detail).into_response();
    }
    next.run(request).await
}

/// A panic is a defect, but one request's: the process lives on.
#[expect(
    clippy::needless_pass_by_value,
    reason = "the layer's trait gives the panic away"
)]
fn answer_panic(panic: Box<dyn Any + Send + 'static>) -> Response {
    let message = panic
        .downcast_ref::<String>()
        .map(String::as_str)
        .or_else(|| panic.downcast_ref::<&str>().copied())
        .unwrap_or("not a text");
    tracing::error!(panic = message, "a handler panicked");
    let detail = "this request met a defect of the writer; it was reported";
    Problem::new(Kind::Internal, detail).into_response()
}
