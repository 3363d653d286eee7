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
    io,
    net::{SocketAddr, TcpListener},
    pin::pin,
    sync::Arc,
};

use axum::body::Body;
use bytes::Bytes;
use http::{Request, Response};
use socket2::{Domain, Protocol, Socket, Type};
use tower::Service;

pub(crate) mod accept;
mod alarm;
mod connection;
mod connections;
mod content;
mod counters;
pub(crate) mod http2;
mod intake;
mod limits;
pub(crate) mod meter;
mod metrics;
mod prefixed;
mod refusal;
mod socket;
pub(crate) mod watchdog;

pub use counters::{Count, ServerCounters};
pub use intake::{Handover, Intake, Late, Slot};
pub use limits::{HEADER_FIELDS_MAX, Limits};

use self::connections::Connections;
use crate::Lifecycle;

/// Connections that wait for the accept loop in the kernel, at most; the kernel's own
/// `net.core.somaxconn` may be lower.
const BACKLOG: i32 = 4096;

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
        let mut connections = Connections::new(&self, service);
        let mut closing = pin!(self.lifecycle.closing());
        loop {
            tokio::select! {
                biased;
                () = &mut closing => break,
                () = connections.one_ended() => {}
                stream = accept::next(&listener, &self.counters) => connections.admit(stream),
            }
        }
        // The kernel has told those clients that they are connected.
        while let Some(stream) = accept::waiting(&listener, &self.counters).await {
            connections.admit(stream);
        }
        drop(listener);
        connections.finish(self.grace_over()).await;
    }

    /// Serves connections that loops of their own have taken, from when they hand them over, until
    /// the lifecycle closes, every [`Intake`] is dropped, and the connections have ended or the
    /// grace period is over. As [`Self::serve`] otherwise.
    ///
    /// # Cancel safety
    /// Dropping it cuts all connections off.
    pub async fn serve_handed<S, B>(self, handover: Handover, service: S)
    where
        S: Service<Request<Body>, Response = Response<B>, Error = Infallible>,
        S: Clone + Send + 'static,
        S::Future: Send,
        B: http_body::Body<Data = Bytes> + Send + Unpin + 'static,
        B::Error: Into<axum::BoxError>,
    {
        let mut connections = Connections::new(&self, service);
        let mut handed = handover.into_receiver();
        let mut grace_over = pin!(self.grace_over());
        loop {
            tokio::select! {
                biased;
                () = &mut grace_over => return connections.cut_off().await,
                () = connections.one_ended() => {}
                next = handed.recv() => match next {
                    Some(one) => connections.take_over(one),
                    None => break,
                },
            }
        }
        connections.finish(grace_over).await;
    }

    /// Waits until the grace period of a process that closes is over.
    async fn grace_over(&self) {
        self.lifecycle.closing().await;
        tokio::time::sleep(self.lifecycle.grace()).await;
    }
}
