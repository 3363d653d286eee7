//! How clients reach the documents: the public plane, and [`internal`] for readers and operators.
//!
//! HTTP stops here: handlers turn requests into [`crate::store::Mutation`]s and outcomes into
//! answers. Every error answer is a [`Problem`]. The connection around a router (header limits,
//! drain, how many at once) is the `service` crate's.
//!
//! Reads come from the database, one query each and always in identity coding: they are for those
//! who edit. Everybody else asks a reader.

mod access;
mod answer;
pub(crate) mod conditions;
mod content;
mod documents;
mod error;
mod expiry;
pub(crate) mod import;
pub mod internal;
mod layers;
mod openapi;
mod retry;
mod traces;
mod write;

use std::sync::Arc;

use axum::{
    Router,
    extract::State,
    handler::Handler,
    middleware,
    response::{IntoResponse, Response},
    routing::{MethodRouter, any, get, post},
};
use http::header;
use service::{Kind, Problem};
use telemetry::Head;

use self::{import::Imports, openapi::HealthProblems};
use crate::{access::Access, commit::Committer, render::Renderer, store::Store};

pub use content::{CONTENT_BYTES_MAX, CONTENT_TIMEOUT};
pub use import::{ERRORS_MAX, ERRORS_STANDARD, IMPORTS_MAX, IN_FLIGHT_MAX, LineError, Report};
pub use internal::{Inspect, Status};
pub use layers::TARGET_BYTES_MAX;
pub use retry::KEY_BYTES_MAX;
pub use write::ATTEMPTS_MAX;

/// What the public plane works with.
#[derive(Debug)]
pub struct Backend {
    /// Where documents are read.
    pub store: Arc<dyn Store>,
    /// Who may write.
    pub access: Access,
    /// Where writes go in.
    pub committer: Committer,
    /// Where bodies are checked and rendered.
    pub renderer: Renderer,
    /// What `/health` asks.
    pub inspect: Arc<dyn Inspect>,
}

/// The public plane.
pub fn router(backend: Backend) -> Router {
    let guard = middleware::from_fn_with_state(backend.access.clone(), access::guard);
    let backend = Arc::new(backend);
    let imports = Arc::new(Imports::new(Arc::clone(&backend)));
    let document = get(documents::read)
        .put(documents::put)
        .delete(documents::delete);
    let routes = Router::new()
        .route("/create", only("POST", post(documents::create_post)))
        .route(
            "/v1/{collection}",
            only("POST", post(documents::create_document)),
        )
        // `import` is an id like any other, but for POST.
        .route(
            "/v1/{collection}/import",
            only(
                "GET, HEAD, PUT, DELETE, POST",
                document
                    .clone()
                    .merge(post(import::receive).with_state(imports)),
            ),
        )
        .route("/v1/{collection}/", any(documents::missing_id))
        .route(
            "/v1/{collection}/{id}",
            only("GET, HEAD, PUT, DELETE", document),
        )
        .route("/health", only("GET, HEAD", get(health)))
        // Unknown routes are told as such to anybody.
        .route_layer(guard)
        .merge(service::openapi::routes(&openapi::description()))
        .with_state(backend);
    layers::harden(routes).layer(middleware::from_fn_with_state(
        Head::of_process(),
        traces::trace,
    ))
}

/// Answers other methods with 405 and this Allow field.
fn only<S>(allow: &'static str, route: MethodRouter<S>) -> MethodRouter<S>
where
    S: Clone + Send + Sync + 'static,
{
    let refuse = move || async move { Problem::method_not_allowed(allow) };
    route.fallback_service(refuse.with_state(()))
}

/// 200 while clients should send requests here, else 503.
#[utoipa::path(
    get, path = "/health", tag = "service",
    responses(
        (status = 200, description = "Send requests here.", body = Object),
        HealthProblems,
    ),
)]
async fn health(State(backend): State<Arc<Backend>>) -> Response {
    match backend.inspect.ready() {
        Ok(()) => {
            let headers = [
                (header::CONTENT_TYPE, "application/json"),
                (header::CACHE_CONTROL, "no-store"),
            ];
            (headers, r#"{"status":"ok"}"#).into_response()
        }
        Err(reason) => Problem::new(Kind::NotReady, reason).into_response(),
    }
}
