//! Data lanes: one thread per core, each with a listener and a loop of its own, so that nothing is
//! handed between cores. The kernel spreads connections over the listeners (`SO_REUSEPORT`).
//!
//! A lane answers plain reads below any framework: [`request`] says which those are, [`answering`]
//! answers those of a buffer, [`compose`] writes the octets, [`turn`] is one connection's turn,
//! [`serving`] the loop. Connections on which anything else turns up are left to the server, which
//! speaks all of HTTP, on threads of its own; they do not come back. Those that ask for what is not in
//! memory wait in the lane ([`parking`]). A few reads are traced ([`traced`]).

pub(crate) mod answering;
mod clock;
mod compose;
mod connection;
mod latency;
pub(crate) mod line;
mod parking;
pub(crate) mod request;
pub(crate) mod sections;
mod serving;
mod traced;
mod turn;

use std::{
    io,
    net::{SocketAddr, TcpListener},
    num::NonZero,
    sync::Arc,
    thread::{self, JoinHandle},
};

use mio::{Poll, Waker};
use service::{
    Lifecycle,
    server::{Intake, ReusePort, bind},
};

pub(crate) use self::latency::LatencyHistogram;
use self::{
    answering::Answering,
    parking::Parking,
    serving::{Lane, WAKE},
};
use crate::{
    hot::HotKeys,
    http::{counters::ReadCounters, data::DataPlane},
};

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

/// What a lane counts in. Each has its own.
#[derive(Debug, Clone, Default)]
pub(crate) struct LaneCounts {
    pub(crate) reads: Arc<ReadCounters>,
    pub(crate) latency: LatencyHistogram,
    pub(crate) hot: HotKeys,
}

/// A lane's thread, and what wakes it when the process moves on.
#[derive(Debug)]
pub(crate) struct Spawned {
    pub(crate) thread: JoinHandle<io::Result<()>>,
    pub(crate) waker: Arc<Waker>,
}

/// Serves one listener on a thread of its own, until the intake's lifecycle closes; `plane` says
/// from what.
///
/// # Errors
/// The thread or its poll cannot be made.
pub(crate) fn spawn(
    index: usize,
    listener: TcpListener,
    intake: Intake,
    plane: &DataPlane,
    counts: LaneCounts,
) -> io::Result<Spawned> {
    let poll = Poll::new()?;
    let waker = Arc::new(Waker::new(poll.registry(), WAKE)?);
    let listener = mio::net::TcpListener::from_std(listener);
    let latency = counts.latency.clone();
    let answering = Answering::new(plane, counts);
    let fetcher = plane.fetcher().cloned();
    let parking = fetcher.map(|fetcher| Parking::new(fetcher, Arc::clone(&waker)));
    let lane = Lane::new(poll, listener, intake, answering, parking, latency)?;
    let thread = thread::Builder::new()
        .name(format!("lane-{index}"))
        .spawn({
            // What closes its end takes the wake-ups along that were not seen yet.
            let kept = Arc::clone(&waker);
            move || {
                let ended = lane.run();
                drop(kept);
                ended
            }
        })?;
    Ok(Spawned { thread, waker })
}

/// Wakes lanes whenever the process moves on to another phase; ends once it closes.
pub(crate) async fn wake_on_phases(lifecycle: Lifecycle, lanes: Vec<Arc<Waker>>) {
    lifecycle.draining().await;
    wake(&lanes);
    lifecycle.closing().await;
    wake(&lanes);
}

fn wake(lanes: &[Arc<Waker>]) {
    for lane in lanes {
        if let Err(error) = lane.wake() {
            tracing::error!(%error, "a lane cannot be woken");
        }
    }
}
