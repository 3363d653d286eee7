//! The admin plane: whether the process lives, whether it is ready, what it measures, where it
//! stands. It runs on a thread of its own, so that no load of reads can starve it.

use std::{fmt, sync::Arc};

use axum::{
    Json, Router,
    extract::State,
    response::{IntoResponse, Response},
    routing::get,
};
use service::{Kind, Problem};
use tokio::time::Instant;

use super::{
    DrainCheck, digest, openapi,
    unstored::{forbid_storing, unstored},
};
use crate::{
    catalog::Catalog,
    hot::HotKeys,
    replica::Unready,
    status::{STATUS_SCHEMA, StatusCell},
};

/// What the text of `/metrics` is: `OpenMetrics`, as `prometheus-client` writes it.
const METRICS_TYPE: &str = "application/openmetrics-text; version=1.0.0; charset=utf-8";

/// What the admin plane tells about. Cloning it copies pointers.
#[derive(Clone)]
pub struct AdminPlane {
    /// Asked whether it is ready, and for `/digest`.
    pub catalog: Catalog,
    /// Asked for `/status`.
    pub status: StatusCell,
    /// Asked for `/readyz`.
    pub is_draining: DrainCheck,
    /// Asked for `/hot`.
    pub hot: Arc<[HotKeys]>,
    /// Renders the text of `/metrics`, in `OpenMetrics`.
    pub metrics: Arc<dyn Fn() -> String + Send + Sync>,
}

impl fmt::Debug for AdminPlane {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("AdminPlane")
            .field("catalog", &self.catalog)
            .field("status", &self.status)
            .finish_non_exhaustive()
    }
}

/// The admin plane as an axum router.
pub fn router(plane: AdminPlane) -> Router {
    Router::new()
        .route("/livez", get(livez))
        .route("/readyz", get(readyz))
        .route("/metrics", get(metrics))
        .route("/status", get(status))
        .route("/status/schema", get(schema))
        .route("/hot", get(hot))
        .merge(service::openapi::routes(&openapi::description()))
        .merge(digest::routes(plane.catalog.clone(), plane.status.clone()))
        .fallback(async || Problem::new(Kind::NoSuchRoute, "there is no such route"))
        .method_not_allowed_fallback(async || Problem::method_not_allowed("GET, HEAD"))
        .with_state(plane)
}

/// 200 as long as this thread runs: only a restart would help otherwise.
async fn livez() -> Response {
    unstored("text/plain; charset=utf-8", "live\n".to_owned())
}

/// 200 where the data plane may get traffic: it answers as `/health` there.
async fn readyz(State(plane): State<AdminPlane>) -> Response {
    if (plane.is_draining)() {
        Problem::new(Kind::NotReady, "this reader is draining").into_response()
    } else if plane.catalog.is_ready() {
        unstored("text/plain; charset=utf-8", "ready\n".to_owned())
    } else {
        let unready = plane.status.progress().unready;
        let detail = unready.unwrap_or(Unready::Behind).to_string();
        Problem::new(Kind::NotReady, detail).into_response()
    }
}

async fn metrics(State(plane): State<AdminPlane>) -> Response {
    unstored(METRICS_TYPE, (plane.metrics)())
}

async fn status(State(plane): State<AdminPlane>) -> Response {
    let mut response = Json(plane.status.status(Instant::now())).into_response();
    forbid_storing(&mut response);
    response
}

/// What is asked for most. Not a metric: ids are whatever clients send, and each would be a series.
async fn hot(State(plane): State<AdminPlane>) -> Response {
    let hottest = HotKeys::hottest(&*plane.hot, std::time::Instant::now());
    let mut response = Json(hottest).into_response();
    forbid_storing(&mut response);
    response
}

async fn schema() -> Response {
    unstored("application/schema+json", STATUS_SCHEMA.to_owned())
}
