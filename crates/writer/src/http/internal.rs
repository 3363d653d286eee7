//! The internal plane: for operators, and for readers whose bus is away.
//!
//! It has a listener of its own and is not meant for strangers: who reaches it can read every
//! document and make the writer look at its history.

mod continued;
mod digest;
mod document;
mod feed;
mod frames;
mod snapshot;
mod status;

use std::{fmt, sync::Arc};

use axum::{
    Router,
    extract::State,
    response::{IntoResponse, Response},
    routing::get,
};
use bus::Publisher;
use http::header;
use service::{Kind, Problem};

pub use feed::FEED_LIMIT_MAX;
pub use status::Status;

use super::{layers, only};
use crate::{render::Renderer, store::Store};

/// What a process says of itself. Asked on each request, so answers come from memory.
pub trait Inspect: Send + Sync + fmt::Debug {
    /// Whether clients should send requests here.
    ///
    /// # Errors
    /// A sentence on why they should not.
    fn ready(&self) -> Result<(), String>;

    /// All metrics in the text format of `OpenMetrics`.
    fn metrics(&self) -> String;

    /// What `/status` answers.
    fn status(&self) -> Status;
}

/// What the internal plane works with.
#[derive(Debug)]
pub struct Internal {
    /// Where feed and snapshot are read.
    pub store: Arc<dyn Store>,
    /// Where they are rendered. One of its own keeps a reader's hydration from slowing writes.
    pub renderer: Renderer,
    /// Where readers have registered.
    pub bus: Arc<dyn Publisher>,
    /// What the rest asks.
    pub inspect: Arc<dyn Inspect>,
}

/// The internal plane.
pub fn router(internal: Internal) -> Router {
    let read_only = "GET, HEAD";
    let routes = Router::new()
        .route("/livez", only(read_only, get(live)))
        .route("/readyz", only(read_only, get(ready)))
        .route("/metrics", only(read_only, get(metrics)))
        .route("/status", only(read_only, get(status::show)))
        .route("/internal/feed", only(read_only, get(feed::page)))
        .route("/internal/snapshot", only(read_only, get(snapshot::stream)))
        .route(
            "/internal/v1/{collection}/{id}",
            only(read_only, get(document::answer)),
        )
        .route("/internal/digest", only(read_only, get(digest::answer)))
        .with_state(Arc::new(internal));
    layers::harden(routes)
}

/// 200 for as long as the process answers at all.
async fn live() -> Response {
    plain("live\n")
}

/// 200 while the process may get requests, else 503.
async fn ready(State(internal): State<Arc<Internal>>) -> Response {
    match internal.inspect.ready() {
        Ok(()) => plain("ready\n"),
        Err(reason) => Problem::new(Kind::NotReady, reason).into_response(),
    }
}

async fn metrics(State(internal): State<Arc<Internal>>) -> Response {
    let headers = [
        (
            header::CONTENT_TYPE,
            "application/openmetrics-text; version=1.0.0; charset=utf-8",
        ),
        (header::CACHE_CONTROL, "no-store"),
    ];
    (headers, internal.inspect.metrics()).into_response()
}

fn plain(text: &'static str) -> Response {
    let headers = [
        (header::CONTENT_TYPE, "text/plain; charset=utf-8"),
        (header::CACHE_CONTROL, "no-store"),
    ];
    (headers, text).into_response()
}
