//! `/status`: the writer at a glance.

use std::{sync::Arc, time::Duration};

use axum::{
    extract::State,
    response::{IntoResponse, Response},
};
use bus::Publisher;
use http::header;
use serde::Serialize;
use serde_json::Value;
use shared::codec::FORMAT;
use tokio::time::timeout;

use super::Internal;
use crate::leader::audit::AuditStatus;

/// What a writer says of itself, as JSON. Members are only ever added; `null` means unknown.
#[derive(Debug, Clone, PartialEq, Serialize)]
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
    /// What readers were found to serve, asked by this process as leader since its start; `null`
    /// where it does not ask.
    pub audit: Option<AuditStatus>,
}

/// How long the bus may take to list the readers.
const READERS_PATIENCE: Duration = Duration::from_millis(500);

/// The answer.
#[derive(Debug, Serialize)]
struct Shown {
    #[serde(flatten)]
    status: Status,
    /// The format of the envelopes that this writer makes.
    format: u8,
    /// The highest that all registered readers decode; `null` where none is known. While it is below
    /// the one that a release could make, that release must not make it.
    readers_format: Option<u64>,
    /// The statuses of the readers registered with the bus; `null` while it is away.
    readers: Option<Vec<Value>>,
}

pub(super) async fn show(State(internal): State<Arc<Internal>>) -> Response {
    let readers = readers(&*internal.bus).await;
    let shown = Shown {
        status: internal.inspect.status(),
        format: FORMAT,
        readers_format: readers.as_deref().and_then(common_format),
        readers,
    };
    // Cannot fail: all keys are texts.
    let content = serde_json::to_vec(&shown).unwrap_or_default();
    let headers = [
        (header::CONTENT_TYPE, "application/json"),
        (header::CACHE_CONTROL, "no-store"),
    ];
    (headers, content).into_response()
}

/// Readers of releases that did not tell decode the first one.
fn common_format(readers: &[Value]) -> Option<u64> {
    let told = readers.iter().map(|status| status["format"].as_u64());
    told.map(|format| format.unwrap_or(1)).min()
}

async fn readers(bus: &dyn Publisher) -> Option<Vec<Value>> {
    let registered = timeout(READERS_PATIENCE, bus.readers()).await.ok()?.ok()?;
    let statuses = registered.iter().filter_map(|one| {
        let status = serde_json::from_str(&one.status);
        if status.is_err() {
            tracing::warn!(reader = one.reader, "a reader's status is not JSON");
        }
        status.ok()
    });
    Some(statuses.collect())
}
