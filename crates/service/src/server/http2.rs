//! HTTP/2 with prior knowledge (RFC 9113 §3.3), for gateways that multiplex over few connections.
//!
//! Only connections that another loop hands over come here: it has seen how they begin. Everything a
//! client can make the server hold has a limit, as in HTTP/1.1: connections, streams of each and of
//! all, octets of a head, octets that wait in a stream, and the time in which nothing moves.

use std::{
    convert::Infallible,
    pin::{Pin, pin},
    sync::{
        Arc,
        atomic::{AtomicU64, Ordering::Relaxed},
    },
    task::{Context, Poll, ready},
    time::Duration,
};

use axum::{body::Body, response::IntoResponse};
use bytes::Bytes;
use http::{Request, Response};
use http_body::{Frame, SizeHint};
use http_body_util::Either;
use hyper::{body::Incoming, server::conn::http2::Builder, service::service_fn};
use hyper_util::rt::{TokioExecutor, TokioIo, TokioTimer};
use tokio::{
    io::AsyncWriteExt,
    net::TcpStream,
    time::{MissedTickBehavior, interval, sleep, timeout},
};
use tower::{Service, ServiceExt};

use super::{
    Limits, Server, connection::target_too_long, counters::Held, intake::Begun, prefixed::Prefixed,
    refusal,
};
use crate::{Kind, Problem};

/// What a client that speaks HTTP/2 sends first (RFC 9113 §3.4).
pub(super) const PREFACE: &[u8] = b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n";

/// Requests that one connection may have open at once.
const STREAMS_MAX: u32 = 256;

/// Octets of content that a client may send ahead of whoever reads it, in a stream and in a
/// connection: what HTTP/2 begins with (RFC 9113 §6.9.2), and the least that a connection can have.
/// Requests here have none.
const WINDOW_BYTES: u32 = 65_535;

/// What a client over the cap is sent: no settings, and that none of its requests was looked at
/// (GOAWAY, last stream 0, `ENHANCE_YOUR_CALM`), so that it may send them elsewhere.
const GO_AWAY: &[u8] = &[
    0, 0, 0, 4, 0, 0, 0, 0, 0, // SETTINGS
    0, 0, 8, 7, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0xb,
];

/// Octets of a response that wait in a stream for the client to take them.
const STREAM_BUFFER_BYTES_MAX: usize = 64 * 1024;

/// Octets of content that are given to a stream at once. A client must take so many within
/// [`Limits::write_timeout`].
pub(crate) const SLICE_BYTES_MAX: usize = 16 * 1024;

/// How long a client over the cap may take to be told.
const TURN_AWAY_TIMEOUT: Duration = Duration::from_secs(1);

/// How often it is looked whether anything moves.
const LOOK_INTERVAL: Duration = Duration::from_secs(1);

/// Requests begun, slices of their responses taken, and responses ended: when none of them moves,
/// nothing does.
#[derive(Debug, Default)]
pub(crate) struct Streams {
    begun: AtomicU64,
    taken: AtomicU64,
    ended: AtomicU64,
}

impl Streams {
    /// Counts a request, and its response once what is given is dropped.
    pub(crate) fn begin(self: &Arc<Self>) -> Owed {
        self.begun.fetch_add(1, Relaxed);
        Owed(Arc::clone(self))
    }
}

/// A response that is owed.
pub(crate) struct Owed(Arc<Streams>);

impl Drop for Owed {
    fn drop(&mut self) {
        self.0.ended.fetch_add(1, Relaxed);
    }
}

/// Serves a connection until it ends.
pub(super) async fn drive<S, B>(stream: TcpStream, begun: Begun, service: S, server: &Server)
where
    S: Service<Request<Body>, Response = Response<B>, Error = Infallible>,
    S: Clone + Send + 'static,
    S::Future: Send,
    B: http_body::Body<Data = Bytes> + Send + Unpin + 'static,
    B::Error: Into<axum::BoxError>,
{
    let most = server.limits.http2_connections_max;
    let Some(_one) = Held::one(server.counters(), |all| &all.http2_active, most) else {
        server.counters.rejected.add();
        return turn_away(stream).await;
    };
    let streams = Arc::new(Streams::default());
    let (counted, limits, counters) = (Arc::clone(&streams), server.limits, server.counters());
    let answer = service_fn(move |request: Request<Incoming>| {
        let most = limits.http2_requests_max;
        let open = Held::one(Arc::clone(&counters), |all| &all.http2_requests, most);
        let is_one_too_many = open.is_none();
        if is_one_too_many {
            counters.rejected.add();
        }
        let owed = counted.begin();
        let service = service.clone();
        async move {
            let target = request.uri().path_and_query();
            let is_too_long = target.is_some_and(|it| it.as_str().len() > limits.target_bytes_max);
            let response = if is_one_too_many {
                too_many_requests(&limits)
                    .into_response()
                    .map(Either::Right)
            } else if is_too_long {
                target_too_long(&limits).into_response().map(Either::Right)
            } else {
                let Ok(response) = service.oneshot(request.map(Body::new)).await;
                response.map(Either::Left)
            };
            Ok::<_, Infallible>(response.map(|body| Sliced::new(body, owed).of(open)))
        }
    });
    let read = begun.read;
    let socket = TokioIo::new(Prefixed { stream, read });
    let connection = builder(&limits).serve_connection(socket, answer);
    let mut connection = pin!(connection);
    tokio::select! {
        biased;
        ended = &mut connection => return note(ended),
        () = stall(&server.limits, &streams) => return server.counters.timed_out.add(),
        () = leave(server, &streams) => connection.as_mut().graceful_shutdown(),
    }
    tokio::select! {
        biased;
        ended = &mut connection => note(ended),
        // What is open may be in the stream's queue alone, which nobody can look into.
        () = sleep(server.limits.write_timeout) => {}
        () = stall(&server.limits, &streams) => server.counters.timed_out.add(),
    }
}

/// Ends a connection over the cap.
async fn turn_away(mut stream: TcpStream) {
    if let Ok(Ok(())) = timeout(TURN_AWAY_TIMEOUT, stream.write_all(GO_AWAY)).await {
        refusal::close(&mut stream).await;
    }
}

fn too_many_requests(limits: &Limits) -> Problem {
    let most = limits.http2_requests_max;
    let detail = format!("there are {most} requests over HTTP/2 already, which is the most");
    Problem::new(Kind::TooManyConnections, detail)
}

fn note(ended: hyper::Result<()>) {
    if let Err(error) = ended {
        tracing::debug!(%error, "a connection failed");
    }
}

/// Content in slices, each asked for only once the client takes more: so that what it does not
/// take stays here, where it is seen, and not in the stream's queue.
pub(crate) struct Sliced<B> {
    inner: B,
    rest: Bytes,
    owed: Owed,
    /// One of the requests that may be open over all connections.
    _open: Option<Held>,
}

impl<B> Sliced<B> {
    pub(crate) fn new(inner: B, owed: Owed) -> Self {
        Self {
            inner,
            rest: Bytes::new(),
            owed,
            _open: None,
        }
    }

    fn of(self, open: Option<Held>) -> Self {
        Self {
            _open: open,
            ..self
        }
    }

    fn next_slice(&mut self) -> Frame<Bytes> {
        self.owed.0.taken.fetch_add(1, Relaxed);
        let len = self.rest.len().min(SLICE_BYTES_MAX);
        Frame::data(self.rest.split_to(len))
    }
}

impl<B: http_body::Body<Data = Bytes> + Unpin> http_body::Body for Sliced<B> {
    type Data = Bytes;
    type Error = B::Error;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, B::Error>>> {
        if self.rest.is_empty() {
            match ready!(Pin::new(&mut self.inner).poll_frame(cx)) {
                Some(Ok(frame)) => match frame.into_data() {
                    Ok(data) => self.rest = data,
                    Err(other) => return Poll::Ready(Some(Ok(other))),
                },
                other => return Poll::Ready(other),
            }
        }
        Poll::Ready(Some(Ok(self.next_slice())))
    }

    fn is_end_stream(&self) -> bool {
        self.rest.is_empty() && self.inner.is_end_stream()
    }

    fn size_hint(&self) -> SizeHint {
        let rest = self.rest.len() as u64;
        let inner = self.inner.size_hint();
        let mut hint = SizeHint::new();
        if let Some(upper) = inner.upper() {
            hint.set_upper(upper + rest);
        }
        hint.set_lower(inner.lower() + rest);
        hint
    }
}

fn builder(limits: &Limits) -> Builder<TokioExecutor> {
    let mut builder = Builder::new(TokioExecutor::new());
    builder
        .timer(TokioTimer::new())
        .max_concurrent_streams(STREAMS_MAX)
        .max_header_list_size(u32::try_from(limits.head_bytes_max).unwrap_or(u32::MAX))
        .max_send_buf_size(STREAM_BUFFER_BYTES_MAX)
        .initial_stream_window_size(WINDOW_BYTES)
        .initial_connection_window_size(WINDOW_BYTES)
        // A peer that is gone answers no PING.
        .keep_alive_interval(Some(limits.idle_timeout))
        .keep_alive_timeout(limits.head_timeout);
    builder
}

/// Waits until no more requests should come: the process drains, or none came for a while.
async fn leave(server: &Server, streams: &Streams) {
    tokio::select! {
        () = server.lifecycle.draining() => {}
        () = stands_still(streams, server.limits.idle_timeout, Open::None) => {}
    }
}

/// Waits until responses are owed that the client has not taken for too long.
pub(crate) async fn stall(limits: &Limits, streams: &Streams) {
    stands_still(streams, limits.write_timeout, Open::Some).await;
}

/// Whether requests are open.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Open {
    None,
    Some,
}

/// Waits until, for so long, nothing has moved and requests were open, or not.
async fn stands_still(streams: &Streams, limit: Duration, which: Open) {
    let mut looks = interval(LOOK_INTERVAL.min(limit));
    looks.set_missed_tick_behavior(MissedTickBehavior::Delay);
    let mut seen = [0; 3];
    let mut since = looks.tick().await;
    loop {
        let now = looks.tick().await;
        let counts = [&streams.begun, &streams.taken, &streams.ended].map(|it| it.load(Relaxed));
        let [begun, _, ended] = counts;
        let open = if begun == ended {
            Open::None
        } else {
            Open::Some
        };
        if counts != seen || open != which {
            (seen, since) = (counts, now);
        } else if now - since >= limit {
            return;
        }
    }
}
