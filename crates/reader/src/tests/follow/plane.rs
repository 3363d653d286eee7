//! A writer's internal plane over [`Origin`], on a socket.

use std::{
    net::SocketAddr,
    sync::{
        Arc,
        atomic::{AtomicBool, AtomicU64, Ordering},
    },
};

use axum::{
    Router,
    extract::{Path, State},
    http::{StatusCode, Uri},
    response::{IntoResponse, Response},
    routing::get,
};
use service::config::RedactedUrl;
use shared::{
    Link, Position,
    codec::{self, Trailer},
};
use tokio::{net::TcpListener, task::JoinSet};

use super::Origin;
use crate::follow::WriterSource;

/// A plane that answers until it is dropped.
#[derive(Debug)]
pub(super) struct Plane {
    pub(super) address: SocketAddr,
    /// While set, streams end without their trailer.
    pub(super) cuts: Arc<AtomicBool>,
    snapshots: Arc<AtomicU64>,
    _server: JoinSet<()>,
}

#[derive(Clone)]
struct Internal {
    origin: Origin,
    cuts: Arc<AtomicBool>,
    snapshots: Arc<AtomicU64>,
}

impl Plane {
    pub(super) async fn of(origin: &Origin) -> Self {
        let cuts = Arc::new(AtomicBool::new(false));
        let snapshots = Arc::new(AtomicU64::new(0));
        let router = Router::new()
            .route("/internal/feed", get(feed))
            .route("/internal/snapshot", get(snapshot))
            .route("/internal/v1/posts/{id}", get(document))
            .with_state(Internal {
                origin: origin.clone(),
                cuts: Arc::clone(&cuts),
                snapshots: Arc::clone(&snapshots),
            });
        let listener = TcpListener::bind(("127.0.0.1", 0)).await.unwrap();
        let address = listener.local_addr().unwrap();
        let mut server = JoinSet::new();
        server.spawn(async move { axum::serve(listener, router).await.unwrap() });
        Self {
            address,
            cuts,
            snapshots,
            _server: server,
        }
    }

    /// How often the snapshot was asked for.
    pub(super) fn snapshots(&self) -> u64 {
        self.snapshots.load(Ordering::Relaxed)
    }
}

/// What asks the planes at these addresses.
pub(super) fn writers(addresses: &[SocketAddr]) -> WriterSource {
    let urls = addresses
        .iter()
        .map(|address| RedactedUrl::new(format!("http://{address}/")));
    WriterSource::new(urls.collect()).unwrap()
}

/// A frame after its length.
pub(super) fn framed(frame: &[u8]) -> Vec<u8> {
    [&codec::encode_length(frame.len())[..], frame].concat()
}

impl Internal {
    /// The heartbeat, the items and their trailer.
    fn stream(&self, items: &[Vec<u8>]) -> Response {
        let heartbeat = self.origin.lock().heartbeat(Vec::new());
        let trailer = codec::encode_trailer(&Trailer {
            epoch: heartbeat.head.epoch,
            items: items.len() as u64,
        });
        let mut octets = framed(&codec::encode_heartbeat(&heartbeat));
        octets.extend(items.iter().flat_map(|item| framed(item)));
        if !self.cuts.load(Ordering::Relaxed) {
            octets.extend(framed(&trailer));
        }
        octets.into_response()
    }
}

async fn feed(State(plane): State<Internal>, uri: Uri) -> Response {
    let (after, link) = question(uri.query().unwrap());
    let changes = plane.origin.lock().changes_after(after, link);
    let Some(changes) = changes else {
        let head = plane.origin.head().to_string();
        return (StatusCode::CONFLICT, [("pressrun-position", head)]).into_response();
    };
    let items: Vec<Vec<u8>> = changes
        .iter()
        .map(|(slot, envelope)| [&codec::encode_slot(slot)[..], envelope].concat())
        .collect();
    plane.stream(&items)
}

async fn snapshot(State(plane): State<Internal>) -> Response {
    plane.snapshots.fetch_add(1, Ordering::Relaxed);
    let documents = plane.origin.lock().encode();
    let items: Vec<Vec<u8>> = documents.into_iter().map(|(_, one)| one.to_vec()).collect();
    plane.stream(&items)
}

async fn document(State(plane): State<Internal>, Path(id): Path<String>, uri: Uri) -> Response {
    let (after, link) = question(uri.query().unwrap());
    if plane.origin.lock().changes_after(after, link).is_none() {
        return StatusCode::CONFLICT.into_response();
    }
    let documents = plane.origin.lock().encode();
    let of_key = documents
        .into_iter()
        .filter(|(key, _)| key.as_str() == format!("posts/{id}"));
    let items: Vec<Vec<u8>> = of_key.map(|(_, one)| one.to_vec()).collect();
    plane.stream(&items)
}

/// `after=<epoch>.<sequence>&link=<16 hexadecimal digits>`.
fn question(query: &str) -> (Position, Link) {
    let (after, link) = query.split_once("&link=").unwrap();
    let after = after.strip_prefix("after=").unwrap().parse().unwrap();
    assert_eq!(link.len(), 16, "{link}");
    (after, Link(u64::from_str_radix(link, 16).unwrap()))
}
