//! Traced requests.

use axum::{
    extract::{MatchedPath, Request, State},
    middleware::Next,
    response::Response,
};
use service::traces::{Asked, answered, decide};
use telemetry::Head;

/// Answers a request, in a step of its trace where it has one. What it writes is committed and
/// published in steps below that.
pub(super) async fn trace(State(head): State<Head>, request: Request, next: Next) -> Response {
    let Some(origin) = decide(head, request.headers()) else {
        return next.run(request).await;
    };
    let route = request.extensions().get::<MatchedPath>().cloned();
    let route = route.as_ref().map(MatchedPath::as_str);
    let (method, uri) = (request.method(), request.uri());
    let span = Asked::new(method, uri, request.version(), route).begin(origin);
    let response = span.clone().around(next.run(request)).await;
    answered(&span, response.status().as_u16());
    response
}
