//! Connections that another loop takes from the kernel, and what it leaves to the server.
//!
//! A plane may serve its commonest requests by a loop of its own, below any framework. It then
//! admits connections through an [`Intake`], by the same limits and counted alike, and hands over,
//! with the octets already read, each connection on which anything uncommon turns up: the server
//! goes on with it as if it had had it from the start ([`Server::serve_handed`]).

use std::{
    io,
    net::TcpStream,
    os::fd::AsFd,
    sync::{
        Arc,
        atomic::{AtomicUsize, Ordering},
    },
    time::Duration,
};

use bytes::Bytes;
use tokio::sync::mpsc;

use super::{Limits, Server, ServerCounters, accept, connection, counters::Active, meter::Stage};
use crate::{Lifecycle, Phase};

/// A connection's place among those that a listener may have. Given back when dropped.
#[derive(Debug)]
pub struct Slot {
    _active: Active,
    open: Arc<AtomicUsize>,
}

impl Drop for Slot {
    fn drop(&mut self) {
        self.open.fetch_sub(1, Ordering::Relaxed);
    }
}

/// How a client was too slow.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Late {
    /// It was silent between requests, or never asked.
    Silent,
    /// It did not send its request's head in time.
    Head,
    /// It did not take its answer in time.
    Blocked,
}

/// What becomes of a connection that the other loop is done with.
#[derive(Debug)]
pub(super) struct Handed {
    pub(super) stream: TcpStream,
    pub(super) then: Then,
}

/// See [`Handed`].
#[derive(Debug)]
pub(super) enum Then {
    /// To be served.
    Serve(Begun, Slot),
    /// To be told that it was too slow, and closed.
    End(Late, Slot),
    /// Over the cap: to be told so, and closed.
    TurnAway,
}

/// A connection that was served elsewhere until now.
#[derive(Debug, Default)]
pub(super) struct Begun {
    /// Read, but not answered.
    pub(super) read: Bytes,
    /// Requests that were answered.
    pub(super) answered: u64,
}

/// The end of a listener's own loop. There is one for each such loop.
#[derive(Debug)]
pub struct Intake {
    limits: Limits,
    lifecycle: Lifecycle,
    counters: Arc<ServerCounters>,
    open: Arc<AtomicUsize>,
    /// Unbounded: holds each connection at most once, and those are bounded.
    handed: mpsc::UnboundedSender<Handed>,
}

/// The server's end: connections of one or several intakes on their way to it.
#[derive(Debug)]
pub struct Handover {
    sender: mpsc::UnboundedSender<Handed>,
    receiver: mpsc::UnboundedReceiver<Handed>,
}

impl Default for Handover {
    fn default() -> Self {
        let (sender, receiver) = mpsc::unbounded_channel();
        Self { sender, receiver }
    }
}

impl Handover {
    /// The connections, once every intake has been made.
    pub(super) fn into_receiver(self) -> mpsc::UnboundedReceiver<Handed> {
        self.receiver
    }
}

impl Server {
    /// An intake for one listener, with all of [`Limits::connections_max`].
    pub fn intake(&self, handover: &Handover) -> Intake {
        Intake {
            limits: self.limits,
            lifecycle: self.lifecycle.clone(),
            counters: Arc::clone(&self.counters),
            open: Arc::default(),
            handed: handover.sender.clone(),
        }
    }
}

impl Intake {
    /// The limits that hold.
    pub fn limits(&self) -> &Limits {
        &self.limits
    }

    /// Where the process stands. One atomic load.
    pub fn phase(&self) -> Phase {
        self.lifecycle.phase()
    }

    /// How long connections may take once the process closes.
    pub fn grace(&self) -> Duration {
        self.lifecycle.grace()
    }

    /// Counts a connection just accepted and sets its socket's options. `None` where there are too
    /// many: [`Self::turn_away`] is due.
    pub fn admit(&self, stream: &impl AsFd) -> Option<Slot> {
        self.counters.accepted.add();
        // One loop admits, so nobody else raises the count meanwhile.
        if self.open.load(Ordering::Relaxed) >= self.limits.connections_max {
            self.counters.rejected.add();
            return None;
        }
        connection::prepare(stream, &self.limits);
        self.open.fetch_add(1, Ordering::Relaxed);
        Some(Slot {
            _active: Active::count(Arc::clone(&self.counters)),
            open: Arc::clone(&self.open),
        })
    }

    /// Counts a failed accept. How long to wait before the next, if at all.
    pub fn on_accept_error(&self, error: &io::Error) -> Option<Duration> {
        accept::on_error(error, &self.counters)
    }

    /// Lets the server go on with a connection, on which so many requests were answered, and
    /// `read` was read and not answered.
    pub fn hand_over(&self, stream: TcpStream, read: &[u8], answered: u64, slot: Slot) {
        let read = Bytes::copy_from_slice(read);
        self.send(stream, Then::Serve(Begun { read, answered }, slot));
    }

    /// Lets the server end a connection whose client was too slow.
    pub fn end(&self, stream: TcpStream, late: Late, slot: Slot) {
        self.send(stream, Then::End(late, slot));
    }

    /// Lets the server tell a client over the cap so.
    pub fn turn_away(&self, stream: TcpStream) {
        self.send(stream, Then::TurnAway);
    }

    /// Counts connections that were cut off because the grace period was over.
    pub fn cut_off(&self, connections: usize) {
        self.counters.cut_off.add_many(connections as u64);
    }

    fn send(&self, stream: TcpStream, then: Then) {
        if self.handed.send(Handed { stream, then }).is_err() {
            tracing::debug!("a connection was handed over after the server had ended");
        }
    }
}

impl From<Late> for Stage {
    fn from(late: Late) -> Self {
        match late {
            Late::Silent => Self::Waiting,
            Late::Head => Self::Head,
            Late::Blocked => Self::Blocked,
        }
    }
}
