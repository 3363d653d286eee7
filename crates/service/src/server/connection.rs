//! One connection, from its first octet to its last.
//!
//! hyper parses and frames; everything it leaves open is decided here: how long a client may take
//! in each stage, what it reads when hyper gives up, and how the connection closes.
//!
//! Cost beyond hyper's and the service's own, per request on the fast path: a reference count for
//! the response's content, a look for the Host field, and a dozen relaxed loads and stores.

use std::{
    convert::Infallible,
    future::{Future, poll_fn},
    io,
    os::fd::AsFd,
    pin::Pin,
    sync::Arc,
    task::Poll,
    time::Duration,
};

use axum::{body::Body, response::IntoResponse};
use bytes::Bytes;
use http::{HeaderValue, Request, Response, Version, header};
use http_body_util::Either;
use hyper::{
    body::Incoming,
    server::conn::http1::{Builder, Parts},
    service::service_fn,
};
use hyper_util::rt::TokioIo;
use socket2::SockRef;
use tokio::net::TcpStream;
use tower::{Service, ServiceExt};

use super::{
    HEADER_FIELDS_MAX, Limits, Server,
    alarm::{Closing, Timer},
    content::{RequestContent, ResponseContent},
    http2::{self, PREFACE},
    intake::Begun,
    meter::{Meter, Stage},
    prefixed::Prefixed,
    refusal,
    socket::Socket,
};
use crate::{Kind, Problem};

/// Upper bound on hyper's read buffer, and on what it collects before it writes, in octets.
const BUFFER_BYTES_MAX: usize = 64 * 1024;

/// How serving a connection came to its end.
enum End {
    /// hyper is done with it.
    Http(hyper::Result<()>),
    /// A limit on time is broken.
    Late(Stage),
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
    let begun_with = begun.read.len().min(PREFACE.len());
    if begun_with > 0 && begun.read[..begun_with] == PREFACE[..begun_with] {
        return http2::drive(stream, begun, service, server).await;
    }
    let meter = Arc::new(Meter::after(begun.answered));
    // Borrowed, not counted: counts shared by all cores would be written with every request.
    let (lifecycle, limits) = (&server.lifecycle, &server.limits);
    let observed = Arc::clone(&meter);
    let answer = service_fn(move |request: Request<Incoming>| {
        observed.on_request();
        let meter = Arc::clone(&observed);
        let refused = refuse(&request, limits);
        if refused.is_some() && !http_body::Body::is_end_stream(request.body()) {
            meter.on_content_left();
        }
        let service = service.clone();
        async move {
            let mut response = match refused {
                Some(problem) => problem.into_response().map(Either::Right),
                None => call(service, request, &meter).await.map(Either::Left),
            };
            // Nobody reads content that was not asked for: how much of it hyper would skip depends
            // on how it arrives (RFC 9112 §9.3 leaves closing as the other way).
            if !lifecycle.is_serving() || meter.has_content_left() {
                let close = HeaderValue::from_static("close");
                response.headers_mut().insert(header::CONNECTION, close);
            }
            Ok::<_, Infallible>(response.map(|body| ResponseContent::new(body, meter)))
        }
    });
    let read = begun.read;
    let stream = Prefixed { stream, read };
    let socket = TokioIo::new(Socket::new(stream, Arc::clone(&meter)));
    let mut connection = builder(limits).serve_connection(socket, answer);
    let mut closing = Closing::of(lifecycle);
    let mut timer = Timer::new(*limits);
    let end = poll_fn(|cx| {
        if closing.poll(cx).is_ready() {
            Pin::new(&mut connection).graceful_shutdown();
        }
        match Pin::new(&mut connection).poll(cx) {
            Poll::Ready(result) => Poll::Ready(End::Http(result)),
            Poll::Pending => timer.poll(&meter, cx).map(End::Late),
        }
    })
    .await;
    let Parts { io, read_buf, .. } = connection.into_parts();
    finish(end, io.into_inner(), &read_buf, &meter, server).await;
}

/// Socket options. Failures leave a connection that works, only less well.
pub(super) fn prepare(stream: &impl AsFd, limits: &Limits) {
    let socket = SockRef::from(stream);
    note(socket.set_tcp_nodelay(true));
    // Twice the watchdog's limit, so that it is the watchdog who notices where both could.
    #[cfg(target_os = "linux")]
    note(socket.set_tcp_user_timeout(Some(2 * limits.write_timeout)));
}

fn note(option: io::Result<()>) {
    if let Err(error) = option {
        tracing::debug!(%error, "a socket option was refused");
    }
}

fn builder(limits: &Limits) -> Builder {
    let mut builder = Builder::new();
    builder
        // Timeouts are the watchdog's: hyper's closes without a word, and costs a timer with
        // every request.
        .header_read_timeout(None)
        .max_header_size(limits.head_bytes_max)
        .max_buf_size(BUFFER_BYTES_MAX.max(limits.head_bytes_max));
    builder
}

/// What is wrong with a request whatever its route.
fn refuse<T>(request: &Request<T>, limits: &Limits) -> Option<Problem> {
    let target = request.uri().path_and_query();
    if target.is_some_and(|target| target.as_str().len() > limits.target_bytes_max) {
        return Some(target_too_long(limits));
    }
    // RFC 9112 §3.2.
    let mut hosts = request.headers().get_all(header::HOST).iter();
    let hosts = (hosts.next().is_some(), hosts.next().is_some());
    if hosts.1 || (!hosts.0 && request.version() == Version::HTTP_11) {
        let detail = "an HTTP/1.1 request has exactly one Host field";
        return Some(Problem::new(Kind::MalformedRequest, detail));
    }
    None
}

async fn call<S, B>(service: S, request: Request<Incoming>, meter: &Arc<Meter>) -> Response<B>
where
    S: Service<Request<Body>, Response = Response<B>, Error = Infallible>,
{
    let request = request.map(|incoming| {
        // An empty body costs no allocation.
        if http_body::Body::is_end_stream(&incoming) {
            Body::empty()
        } else {
            Body::new(RequestContent::new(incoming, Arc::clone(meter)))
        }
    });
    match service.oneshot(request).await {
        Ok(response) => response,
        Err(never) => match never {},
    }
}

/// Says what there is to say, and closes.
async fn finish(end: End, socket: Socket, unparsed: &[u8], meter: &Meter, server: &Server) {
    let owes_nothing = meter.is_before_service();
    let status = socket.held_back_status();
    let (limits, counters) = (&server.limits, &server.counters);
    let mut stream = socket.stream.stream;
    match end {
        // The client has closed, or broke off.
        End::Http(_) if meter.has_ended() => {}
        End::Http(Ok(())) => refusal::close(&mut stream).await,
        End::Late(stage) => end_late(stream, stage, server).await,
        End::Http(Err(error)) if error.is_parse() => {
            counters.malformed.add();
            tracing::debug!(%error, "a request is not well formed");
            if owes_nothing {
                let problem = malformed(status, unparsed, limits);
                refusal::send_and_close(&mut stream, problem).await;
            } else {
                // hyper's own answer, without content, has gone out behind another response.
                refusal::close(&mut stream).await;
            }
        }
        End::Http(Err(error)) => tracing::debug!(%error, "a connection failed"),
    }
}

/// Ends the connection of a client that was too slow.
pub(super) async fn end_late(mut stream: TcpStream, stage: Stage, server: &Server) {
    let (limits, counters) = (&server.limits, &server.counters);
    match stage {
        Stage::Waiting | Stage::Working => refusal::close(&mut stream).await,
        Stage::Head | Stage::Content => {
            counters.timed_out.add();
            refusal::send_and_close(&mut stream, too_slow(stage, limits)).await;
        }
        Stage::Blocked => {
            counters.timed_out.add();
            // What the kernel still holds for this client would otherwise stay for minutes.
            note(SockRef::from(&stream).set_linger(Some(Duration::ZERO)));
        }
    }
}

fn too_slow(stage: Stage, limits: &Limits) -> Problem {
    let detail = match stage {
        Stage::Head => format!(
            "the request's head did not arrive within {:?}",
            limits.head_timeout
        ),
        _ => format!(
            "less than {} octets of the request's content arrived within {:?}",
            limits.content_bytes_min, limits.content_timeout
        ),
    };
    Problem::new(Kind::RequestTimeout, detail)
}

/// The problem for a head that hyper refused with `status`.
fn malformed(status: Option<u16>, unparsed: &[u8], limits: &Limits) -> Problem {
    match status {
        Some(414) => target_too_long(limits),
        Some(431) if request_line_bytes(unparsed) > limits.target_bytes_max => {
            target_too_long(limits)
        }
        Some(431) if !is_too_large(unparsed, limits) => {
            let detail = "the content is too long to be counted";
            Problem::new(Kind::ContentTooLarge, detail)
        }
        Some(431) => Problem::new(
            Kind::HeadersTooLarge,
            format!(
                "the request's head has more than {} octets or {HEADER_FIELDS_MAX} fields",
                limits.head_bytes_max
            ),
        ),
        _ => Problem::new(Kind::MalformedRequest, "this is not an HTTP/1.1 request"),
    }
}

/// Whether what is left of the octets explains that a head was too large. A head whose content hyper
/// cannot count is gone by then: it has taken it apart.
fn is_too_large(unparsed: &[u8], limits: &Limits) -> bool {
    let lines = unparsed.split(|&octet| octet == b'\n').count();
    limits.head_bytes_max <= unparsed.len() || HEADER_FIELDS_MAX < lines
}

fn request_line_bytes(unparsed: &[u8]) -> usize {
    let line = unparsed.trim_ascii_start();
    let end = line.iter().position(|&octet| octet == b'\n');
    end.unwrap_or(line.len())
}

pub(super) fn target_too_long(limits: &Limits) -> Problem {
    let most = limits.target_bytes_max;
    let detail = format!("the request target has more than {most} octets");
    Problem::new(Kind::UriTooLong, detail)
}
