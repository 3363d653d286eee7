//! `/status`: the writer at a glance.

use std::sync::Arc;

use axum::{
    extract::State,
    response::{IntoResponse, Response},
};
use http::header;
use serde::Serialize;

use super::Internal;

/// What a writer says of itself, as JSON. Members are only ever added; `null` means unknown.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Status {
    /// The release that runs.
    pub release: &'static str,
    /// Whether clients should send requests here.
    pub ready: bool,
    /// Whether this process is on its way out.
    pub draining: bool,
    /// The database's epoch, as last seen.
    pub epoch: Option<u64>,
    /// The database's head: the sequence of its last change, as last seen.
    pub head: Option<u64>,
    /// The sequence up to which the bus holds everything, as last seen.
    pub published_through: Option<u64>,
    /// Whether this process is the leader.
    pub leader: bool,
    /// The number of its leadership, if it is.
    pub term: Option<u64>,
    /// Writes that wait for a batch.
    pub queue_depth: usize,
    /// How many may wait before writes are refused.
    pub queue_max: usize,
    /// How many tokens may write; `null` where none is needed.
    pub tokens: Option<usize>,
    /// What is wrong with the file of tokens as it is now; the tokens before it count then.
    pub tokens_fault: Option<String>,
}

pub(super) async fn show(State(internal): State<Arc<Internal>>) -> Response {
    // Cannot fail: numbers, booleans and texts.
    let content = serde_json::to_vec(&internal.inspect.status()).unwrap_or_default();
    let headers = [
        (header::CONTENT_TYPE, "application/json"),
        (header::CACHE_CONTROL, "no-store"),
    ];
    (headers, content).into_response()
}
