//! Data lanes: one thread per core, each with a runtime and a listener of its own, so that nothing
//! is handed between cores. The kernel spreads connections over the listeners (`SO_REUSEPORT`).

use std::{
    convert::Infallible,
    io,
    net::{SocketAddr, TcpListener},
    num::NonZero,
    thread::{self, JoinHandle},
};

use axum::body::Body;
use http::Request;
use service::server::{ReusePort, Server, bind};
use tokio::runtime;
use tower::Service;

use crate::http::DataResponse;

/// One listener per thread, all of one address. With port 0 the first one chooses.
///
/// # Errors
/// The address is taken, by another reader too: two processes would share its connections.
pub(crate) fn bind_all(
    address: SocketAddr,
    threads: NonZero<usize>,
) -> io::Result<Vec<TcpListener>> {
    // A listener that shares nothing finds out whether anybody is there.
    drop(bind(address, ReusePort::No)?);
    let first = bind(address, ReusePort::Yes)?;
    let address = first.local_addr()?;
    let mut listeners = vec![first];
    for _ in 1..threads.get() {
        listeners.push(bind(address, ReusePort::Yes)?);
    }
    Ok(listeners)
}

/// Serves one listener on a thread of its own, until the server's lifecycle closes.
///
/// # Errors
/// The thread or its runtime cannot be made.
pub(crate) fn spawn<S>(
    index: usize,
    listener: TcpListener,
    server: Server,
    service: S,
) -> io::Result<JoinHandle<io::Result<()>>>
where
    S: Service<Request<Body>, Response = DataResponse, Error = Infallible>,
    S: Clone + Send + 'static,
    S::Future: Send,
{
    let runtime = runtime::Builder::new_current_thread()
        .enable_all()
        .build()?;
    thread::Builder::new()
        .name(format!("lane-{index}"))
        .spawn(move || {
            runtime.block_on(async {
                let listener = tokio::net::TcpListener::from_std(listener)?;
                server.serve(listener, service).await;
                Ok(())
            })
        })
}
