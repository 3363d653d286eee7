//! Connections whose next request is for a document that is not in memory: they wait in their lane
//! until it is fetched, because what goes to the server does not come back.
//!
//! Nothing is read from such a connection meanwhile. How long it waits is bounded by the fetch.

use std::sync::{Arc, mpsc};

use mio::Waker;
use shared::ResourceKey;

use crate::fetch::{Fetched, Fetcher};

/// What became of a fetch that a connection waits for.
#[derive(Debug)]
pub(super) struct Arrived {
    /// The connection's place.
    pub(super) place: usize,
    /// Which fetch of this lane: another connection may have the place by now.
    pub(super) fetch: u64,
    pub(super) fetched: Fetched,
}

/// Asks for documents, and hears of them on other threads.
#[derive(Debug)]
pub(super) struct Parking {
    fetcher: Fetcher,
    waker: Arc<Waker>,
    sender: mpsc::Sender<Arrived>,
    /// As many as connections wait.
    arrived: mpsc::Receiver<Arrived>,
    fetches: u64,
}

impl Parking {
    /// `waker` wakes the lane.
    pub(super) fn new(fetcher: Fetcher, waker: Arc<Waker>) -> Self {
        let (sender, arrived) = mpsc::channel();
        Self {
            fetcher,
            waker,
            sender,
            arrived,
            fetches: 0,
        }
    }

    /// Asks for a document in the name of the connection at this place, and gives the fetch's
    /// number; none, where too many wait.
    pub(super) fn ask(&mut self, place: usize, key: ResourceKey) -> Option<u64> {
        self.fetches += 1;
        let fetch = self.fetches;
        let (sender, waker) = (self.sender.clone(), Arc::clone(&self.waker));
        let reply = move |fetched| {
            let arrived = Arrived {
                place,
                fetch,
                fetched,
            };
            if sender.send(arrived).is_ok()
                && let Err(error) = waker.wake()
            {
                tracing::error!(%error, "a lane cannot be woken");
            }
        };
        self.fetcher.ask(key, Box::new(reply)).ok()?;
        Some(fetch)
    }

    /// The next one that has arrived.
    pub(super) fn next(&self) -> Option<Arrived> {
        self.arrived.try_recv().ok()
    }
}
