//! HTTP/1.1 over TCP, with a limit on everything a client can make it hold.
//!
//! What a client may do, and what becomes of it beyond that, is in [`Limits`]. Refusals that never
//! reach the service (408, 400, 414, 431, 503) are problem details like any other, on a connection
//! that closes in a way that lets the client read them.
//!
//! The accept loop and each connection run as tasks of the current runtime, whichever kind it is:
//! one current-thread runtime per core with a listener each (see [`ReusePort`]), or one
//! multi-thread runtime.
//!
//! On the fast path, a request that arrives whole and is answered without waiting, nothing here
//! allocates, locks or reads a clock; see `connection`.

use std::{
    convert::Infallible,
    future::Future,
    io,
    net::{SocketAddr, TcpListener},
    pin::pin,
    sync::Arc,
};

use axum::body::Body;
use bytes::Bytes;
use http::{Request, Response};
use socket2::{Domain, Protocol, Socket, Type};
use tokio::{net::TcpStream, task::JoinSet};
use tower::Service;

pub(crate) mod accept;
mod alarm;
mod connection;
mod content;
mod counters;
mod limits;
pub(crate) mod meter;
mod metrics;
mod refusal;
mod socket;
pub(crate) mod watchdog;

pub use counters::{Count, ServerCounters};
pub use limits::{HEADER_FIELDS_MAX, Limits};

use crate::{Kind, Lifecycle, Problem};

/// Connections that wait for the accept loop in the kernel, at most; the kernel's own
/// `net.core.somaxconn` may be lower.
const BACKLOG: i32 = 4096;

/// Connections over the cap that are being told so at the same time, at most. Those beyond are
/// closed without a word.
const REFUSALS_MAX: usize = 64;

/// Whether several listeners of this process share one address, and the kernel spreads
/// connections over them (`SO_REUSEPORT`).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum ReusePort {
    /// Each core has a listener of its own.
    Yes,
    /// Nobody else can have the address.
    No,
}

/// Binds and listens at once: clients can connect from now on and wait in the backlog. Port 0
/// takes a free one; ask the listener which.
///
/// # Errors
/// The address is taken, not of this machine, or not permitted.
pub fn bind(address: SocketAddr, reuse_port: ReusePort) -> io::Result<TcpListener> {
    let domain = Domain::for_address(address);
    let socket = Socket::new(domain, Type::STREAM, Some(Protocol::TCP))?;
    // A restart must not wait for connections of the last run in TIME_WAIT.
    socket.set_reuse_address(true)?;
    if reuse_port == ReusePort::Yes {
        socket.set_reuse_port(true)?;
    }
    socket.set_nonblocking(true)?;
    socket.bind(&address.into())?;
    socket.listen(BACKLOG)?;
    Ok(socket.into())
}

/// What the listeners of one plane share. Cloning it is a few atomic increments.
#[derive(Debug, Clone)]
pub struct Server {
    limits: Limits,
    lifecycle: Lifecycle,
    counters: Arc<ServerCounters>,
}

impl Server {
    /// A server with counters of its own.
    pub fn new(limits: Limits, lifecycle: Lifecycle) -> Self {
        Self {
            limits,
            lifecycle,
            counters: Arc::default(),
        }
    }

    /// What happened to connections so far, over all listeners of this server.
    pub fn counters(&self) -> Arc<ServerCounters> {
        Arc::clone(&self.counters)
    }

    /// Serves until the lifecycle closes and the connections have ended: answered, or cut off
    /// once the grace period is over.
    ///
    /// `service` is an [`axum::Router`], or anything like it. It is cloned for each request. Where
    /// a client breaks off or stalls, the service's future is dropped wherever it waits.
    ///
    /// While the process drains, connections are accepted, every answer carries
    /// `Connection: close`, and idle connections stay: closing them while gateways still use them
    /// would fail requests that are on their way. Once it closes, idle ones are closed too, a
    /// moment later.
    ///
    /// # Cancel safety
    /// Dropping it cuts all connections off.
    pub async fn serve<S, B>(self, listener: tokio::net::TcpListener, service: S)
    where
        S: Service<Request<Body>, Response = Response<B>, Error = Infallible>,
        S: Clone + Send + 'static,
        S::Future: Send,
        B: http_body::Body<Data = Bytes> + Send + Unpin + 'static,
        B::Error: Into<axum::BoxError>,
    {
        let mut connections = JoinSet::new();
        let mut refusals = JoinSet::new();
        let mut closing = pin!(self.lifecycle.closing());
        loop {
            tokio::select! {
                biased;
                () = &mut closing => break,
                Some(ended) = connections.join_next() => note_end(ended),
                Some(ended) = refusals.join_next() => note_end(ended),
                stream = accept::next(&listener, &self.counters) => {
                    self.admit(stream, &service, &mut connections, &mut refusals);
                }
            }
        }
        // The kernel has told those clients that they are connected.
        while let Some(stream) = accept::waiting(&listener, &self.counters).await {
            self.admit(stream, &service, &mut connections, &mut refusals);
        }
        drop(listener);
        self.finish(connections).await;
    }

    fn admit<S, B>(
        &self,
        stream: TcpStream,
        service: &S,
        connections: &mut JoinSet<()>,
        refusals: &mut JoinSet<()>,
    ) where
        S: Service<Request<Body>, Response = Response<B>, Error = Infallible>,
        S: Clone + Send + 'static,
        S::Future: Send,
        B: http_body::Body<Data = Bytes> + Send + Unpin + 'static,
        B::Error: Into<axum::BoxError>,
    {
        if connections.len() < self.limits.connections_max {
            connections.spawn(self.connection(stream, service.clone()));
        } else {
            self.refuse(stream, refusals);
        }
    }

    fn connection<S, B>(
        &self,
        stream: TcpStream,
        service: S,
    ) -> impl Future<Output = ()> + Send + use<S, B>
    where
        S: Service<Request<Body>, Response = Response<B>, Error = Infallible>,
        S: Clone + Send + 'static,
        S::Future: Send,
        B: http_body::Body<Data = Bytes> + Send + Unpin + 'static,
        B::Error: Into<axum::BoxError>,
    {
        let active = counters::Active::count(Arc::clone(&self.counters));
        let server = self.clone();
        async move {
            connection::drive(stream, service, &server).await;
            drop(active);
        }
    }

    fn refuse(&self, stream: TcpStream, refusals: &mut JoinSet<()>) {
        self.counters.rejected.add();
        if refusals.len() < REFUSALS_MAX {
            let most = self.limits.connections_max;
            let detail = format!("there are {most} connections already, which is the most");
            let problem = Problem::new(Kind::TooManyConnections, detail);
            refusals.spawn(refusal::turn_away(stream, problem));
        }
    }

    async fn finish(&self, mut connections: JoinSet<()>) {
        let ended = async {
            while let Some(ended) = connections.join_next().await {
                note_end(ended);
            }
        };
        let grace = self.lifecycle.grace();
        if tokio::time::timeout(grace, ended).await.is_err() {
            let cut = connections.len();
            self.counters.cut_off.add_many(cut as u64);
            let grace_ms = u64::try_from(grace.as_millis()).unwrap_or(u64::MAX);
            tracing::warn!(connections = cut, grace_ms, "cutting connections off");
            connections.shutdown().await;
        }
    }
}

fn note_end(ended: Result<(), tokio::task::JoinError>) {
    // Only a panic in the service comes here; it took that one connection with it.
    if let Err(error) = ended {
        tracing::error!(%error, "a connection's task failed");
    }
}
