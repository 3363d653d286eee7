//! A lane, and hyper in front of the same data plane, both without sockets.

use std::{
    io,
    pin::Pin,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
    task::{Context, Poll},
};

use axum::body::Body;
use bytes::Bytes;
use http::{HeaderValue, Method, Request};
use hyper::{
    body::Incoming,
    rt::{Read, ReadBufCursor, Write},
    server::conn::http1,
    service::service_fn,
};
use reader::{
    catalog::{CatalogConfig, CatalogWriter, catalog},
    fuzzing::Lane,
    http::{
        counters::ReadCounters,
        data::{DataPlane, service},
    },
    reached::{Reaching, reached},
};
use shared::{
    Change, ContentCoding, Envelope, Epoch, Link, Position, Representation, ResourceKey, Sequence,
    Timestamp, Version,
};
use tokio::runtime::{self, Runtime};
use tower::ServiceExt;

const DATE: &str = "Sat, 21 Nov 2026 12:00:00 GMT";

/// The position that both have reached.
const REACHED: Position = Position::new(Epoch(7), Sequence(5));

/// Both sides.
pub(super) struct Sides {
    lane: Lane,
    plane: DataPlane,
    /// Reads that wait for a position ask for a runtime, though none has to wait here.
    runtime: Runtime,
    _writer: CatalogWriter,
    _reaching: Reaching,
}

/// What the server made of a connection.
pub(super) struct Served {
    /// Those of the requests, in order.
    pub(super) methods: Vec<Method>,
    /// The answers, one behind another.
    pub(super) answers: Vec<u8>,
}

impl Sides {
    /// Over a few small documents: a lane answers these at once.
    pub(super) fn start() -> Self {
        let (catalog, mut writer) = catalog(CatalogConfig { bytes_max: None });
        let coded = [
            (ContentCoding::Identity, 1000),
            (ContentCoding::Gzip, 400),
            (ContentCoding::Brotli, 300),
            (ContentCoding::Zstd, 350),
        ];
        let single = [(ContentCoding::Identity, 7)];
        for (key, lengths) in [
            ("posts/a", &coded[..]),
            ("posts/b", &single),
            ("posts/a b", &single),
            ("flags/ä", &single),
        ] {
            writer.apply(&document(key, lengths), None);
        }
        writer.set_ready(true);
        let (reaching, reached) = reached();
        reaching.tell(Some(REACHED));
        let no_cache = HeaderValue::from_static("no-cache");
        let counters = Arc::<ReadCounters>::default();
        let plane = DataPlane::new(catalog, no_cache, Arc::new(|| false), counters);
        let plane = plane.reaching(reached);
        let mut runtime = runtime::Builder::new_current_thread();
        Self {
            lane: Lane::new(&plane, DATE),
            plane,
            runtime: runtime.enable_time().build().expect("a runtime"),
            _writer: writer,
            _reaching: reaching,
        }
    }

    /// The lane.
    pub(super) fn lane(&mut self) -> &mut Lane {
        &mut self.lane
    }

    /// Has hyper serve a connection on which these octets come, and then its end.
    pub(super) fn serve(&self, octets: &[u8]) -> Served {
        let methods = Arc::<Mutex<Vec<Method>>>::default();
        let answers = Arc::<Mutex<Vec<u8>>>::default();
        let connection = Octets {
            input: Bytes::copy_from_slice(octets),
            output: Arc::clone(&answers),
        };
        let plane = service(self.plane.clone());
        let seen = Arc::clone(&methods);
        let service = service_fn(move |request: Request<Incoming>| {
            lock(&seen).push(request.method().clone());
            plane.clone().oneshot(request.map(Body::new))
        });
        // The end comes with the last request here, and must not take its answer along.
        let mut builder = http1::Builder::new();
        let served = builder
            .half_close(true)
            .serve_connection(connection, service);
        let ended = self.runtime.block_on(served);
        ended.expect("hyper takes what a lane takes");
        let (methods, answers) = (lock(&methods).clone(), lock(&answers).clone());
        Served { methods, answers }
    }
}

/// Octets that tell their coding and length; nothing here looks into them.
fn document(key: &str, lengths: &[(ContentCoding, usize)]) -> Envelope {
    let representations = lengths.iter().map(|&(coding, len)| {
        let octets = coding.token().bytes().cycle().take(len).collect();
        Representation::of(coding, octets)
    });
    Envelope {
        position: Position::new(REACHED.epoch, Sequence(1)),
        prev_link: Link::ZERO,
        link: Link(1),
        version: Version(3),
        updated_at: Timestamp(0),
        expires_at: None,
        key: ResourceKey::from_text(key).expect("it is valid"),
        change: Change::Put(representations.collect()),
        extensions: Vec::new(),
    }
}

/// A connection that has brought everything, and takes everything.
struct Octets {
    input: Bytes,
    output: Arc<Mutex<Vec<u8>>>,
}

impl Read for Octets {
    fn poll_read(
        mut self: Pin<&mut Self>,
        _cx: &mut Context<'_>,
        mut buf: ReadBufCursor<'_>,
    ) -> Poll<io::Result<()>> {
        let len = self.input.len().min(buf.remaining());
        buf.put_slice(&self.input.split_to(len));
        Poll::Ready(Ok(()))
    }
}

impl Write for Octets {
    fn poll_write(
        self: Pin<&mut Self>,
        _cx: &mut Context<'_>,
        buf: &[u8],
    ) -> Poll<io::Result<usize>> {
        lock(&self.output).extend_from_slice(buf);
        Poll::Ready(Ok(buf.len()))
    }

    fn poll_flush(self: Pin<&mut Self>, _cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Poll::Ready(Ok(()))
    }

    fn poll_shutdown(self: Pin<&mut Self>, _cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Poll::Ready(Ok(()))
    }
}

fn lock<T>(shared: &Mutex<T>) -> MutexGuard<'_, T> {
    shared.lock().unwrap_or_else(PoisonError::into_inner)
}
