//! A lane's loop: waits for events, answers what is plain, leaves the rest to the server.
//!
//! One thread, one poll, no locks, no runtime. A request that comes whole costs a read and a write,
//! and its share of one wait for many connections. Nothing here waits for a client: what cannot be
//! written or read at once waits for the next event, with a limit on time and on octets.

use std::{
    io,
    panic::{self, AssertUnwindSafe},
    time::{Duration, Instant},
};

use mio::{Events, Interest, Poll, Token, event::Event, net::TcpListener};
use service::{
    Phase,
    server::{Intake, Slot},
};
use slab::Slab;

use super::{
    answering::Answering,
    clock::Clock,
    connection::Connection,
    latency::LatencyHistogram,
    parking::Parking,
    turn::{self, Next, Turn},
};

/// The listener's token. Connections have their places in the slab.
const LISTENER: Token = Token(usize::MAX - 1);

/// Wakes the lane for a new phase of the process.
pub(super) const WAKE: Token = Token(usize::MAX);

/// Events taken at once.
const EVENTS_MAX: usize = 1024;

/// Octets read at once, and upper bound on a plain request. Bounds how long one connection with
/// many requests in its buffer holds up the others.
const READ_BYTES_MAX: usize = 16 * 1024;

/// Requests whose answers share one look at the clock: one of them is taken for late by what the
/// others and those of its own connection took, a few microseconds each.
const TIMED_TOGETHER: u64 = 4;

/// Connections accepted before others are looked at.
const ACCEPTS_MAX: usize = 64;

/// How often it is looked who is too slow. Limits on time are kept to within this.
const SWEEP_INTERVAL: Duration = Duration::from_secs(1);

/// What a lane runs on.
#[derive(Debug)]
pub(super) struct Lane {
    poll: Poll,
    /// None once the process closes.
    listener: Option<TcpListener>,
    intake: Intake,
    connections: Slab<Connection>,
    answering: Answering,
    /// None where everything is in memory.
    parking: Option<Parking>,
    latency: LatencyHistogram,
    /// Answered since the clock was looked at last.
    untimed: u64,
    clock: Clock,
    /// Connections to be looked at again without an event.
    again: Vec<Token>,
    buffer: Box<[u8]>,
    /// When to accept again after a failure.
    accept_at: Option<Instant>,
    sweep_at: Instant,
    /// From the drain on every connection is the server's.
    phase: Phase,
    closed_at: Option<Instant>,
}

impl Lane {
    pub(super) fn new(
        poll: Poll,
        mut listener: TcpListener,
        intake: Intake,
        answering: Answering,
        parking: Option<Parking>,
        latency: LatencyHistogram,
    ) -> io::Result<Self> {
        poll.registry()
            .register(&mut listener, LISTENER, Interest::READABLE)?;
        let clock = Clock::new();
        Ok(Self {
            poll,
            listener: Some(listener),
            intake,
            connections: Slab::new(),
            answering,
            parking,
            latency,
            untimed: 0,
            sweep_at: clock.now() + SWEEP_INTERVAL,
            clock,
            again: Vec::new(),
            buffer: vec![0; READ_BYTES_MAX].into(),
            accept_at: None,
            phase: Phase::Serving,
            closed_at: None,
        })
    }

    /// Serves until the process closes and no client is owed anything, or the grace period is over.
    ///
    /// # Errors
    /// The system cannot tell of events.
    pub(super) fn run(mut self) -> io::Result<()> {
        let mut events = Events::with_capacity(EVENTS_MAX);
        let mut again = Vec::new();
        while !self.is_done() {
            match self.poll.poll(&mut events, self.patience()) {
                Err(error) if error.kind() != io::ErrorKind::Interrupted => return Err(error),
                _ => {}
            }
            if let Some(date) = self.clock.tick() {
                self.answering.set_date(&date);
            }
            self.on_phase();
            for event in &events {
                self.on_event(event);
            }
            std::mem::swap(&mut again, &mut self.again);
            for token in again.drain(..) {
                self.on_token(token);
            }
            self.record_latency();
            self.answering.publish_counts();
            self.on_time();
        }
        self.intake.cut_off(self.connections.len());
        Ok(())
    }

    fn is_done(&self) -> bool {
        self.closed_at.is_some_and(|closed| {
            self.connections.is_empty() || self.clock.now() >= closed + self.intake.grace()
        })
    }

    /// How long to wait for events.
    fn patience(&self) -> Option<Duration> {
        if !self.again.is_empty() {
            return Some(Duration::ZERO);
        }
        let sweep = (!self.connections.is_empty()).then_some(self.sweep_at);
        let next = [sweep, self.accept_at].into_iter().flatten().min();
        next.map(|at| at.saturating_duration_since(self.clock.now()))
    }

    fn on_event(&mut self, event: &Event) {
        match event.token() {
            LISTENER | WAKE => self.on_token(event.token()),
            token => {
                self.on_token(token);
                // The end comes behind what was read.
                if event.is_read_closed() || event.is_error() {
                    self.again.push(token);
                }
            }
        }
    }

    fn on_token(&mut self, token: Token) {
        match token {
            LISTENER => self.accept(),
            WAKE => self.unpark(),
            Token(id) => self.on_connection(id),
        }
    }

    /// What is due whether or not there were events.
    fn on_time(&mut self) {
        let now = self.clock.now();
        if self.accept_at.is_some_and(|at| at <= now) {
            self.accept_at = None;
            self.accept();
        }
        if self.sweep_at <= now {
            self.sweep_at = now + SWEEP_INTERVAL;
            self.end_slow(now);
        }
    }

    /// Before any event: what is answered from now on is answered in the phase that was told.
    fn on_phase(&mut self) {
        let phase = self.intake.phase();
        if phase != self.phase {
            self.phase = phase;
            self.leave();
        }
    }

    /// From the drain on the server has every connection: it knows how to end them.
    fn leave(&mut self) {
        if self.phase == Phase::Closing {
            // The kernel has told those clients that they are connected.
            self.accept();
            self.listener = None;
            self.accept_at = None;
            self.closed_at = Some(self.clock.now());
        }
        let idle = self.connections.iter().filter(|(_, one)| !one.is_blocked());
        let idle: Vec<usize> = idle.map(|(id, _)| id).collect();
        for id in idle {
            self.connections.remove(id).hand_over(&self.intake);
        }
    }

    fn accept(&mut self) {
        let mut left = ACCEPTS_MAX;
        while let Some(listener) = &self.listener {
            if left == 0 && self.phase != Phase::Closing {
                return self.again.push(LISTENER);
            }
            match listener.accept() {
                Ok((stream, _peer)) => self.admit(stream),
                Err(error) if error.kind() == io::ErrorKind::WouldBlock => return,
                Err(error) => {
                    if let Some(pause) = self.intake.on_accept_error(&error) {
                        self.accept_at = Some(self.clock.now() + pause);
                        return;
                    }
                }
            }
            left = left.saturating_sub(1);
        }
    }

    fn admit(&mut self, stream: mio::net::TcpStream) {
        match self.intake.admit(&stream) {
            None => self.intake.turn_away(stream.into()),
            Some(slot) => self.keep(stream, slot),
        }
    }

    fn keep(&mut self, stream: mio::net::TcpStream, slot: Slot) {
        let mut connection = Connection::new(stream, slot, self.clock.now());
        if self.phase != Phase::Serving {
            return connection.hand_over(&self.intake);
        }
        let place = self.connections.vacant_entry();
        let interest = Interest::READABLE | Interest::WRITABLE;
        let token = Token(place.key());
        let registry = self.poll.registry();
        match registry.register(connection.stream_mut(), token, interest) {
            Ok(()) => {
                place.insert(connection);
            }
            Err(error) => tracing::warn!(%error, "a connection cannot be waited for"),
        }
    }

    fn on_connection(&mut self, id: usize) {
        // It may have ended in the same batch.
        let Some(connection) = self.connections.get_mut(id) else {
            return;
        };
        let now = self.clock.now();
        let (answering, buffer) = (&mut self.answering, &mut *self.buffer);
        // A panic ends this connection, not the lane; nothing that it leaves is used again.
        let turn = panic::catch_unwind(AssertUnwindSafe(|| {
            turn::take(connection, answering, buffer, now)
        }));
        let turn = match turn {
            Ok(Ok(turn)) => turn,
            Ok(Err(error)) => {
                tracing::debug!(%error, "a connection failed");
                Turn::CLOSE
            }
            Err(_panic) => Turn::CLOSE,
        };
        let is_blocked = connection.is_blocked();
        self.untimed += turn.answered;
        if self.untimed >= TIMED_TOGETHER {
            self.record_latency();
        }
        match turn.next {
            Next::Close => drop(self.connections.remove(id)),
            Next::HandOver => self.connections.remove(id).hand_over(&self.intake),
            _ if self.phase != Phase::Serving && !is_blocked => {
                self.connections.remove(id).hand_over(&self.intake);
            }
            Next::Fetch => self.park(id),
            Next::Again => self.again.push(Token(id)),
            Next::Wait => {}
        }
    }

    fn record_latency(&mut self) {
        if self.untimed > 0 {
            self.latency
                .record(self.clock.now().elapsed(), self.untimed);
            self.untimed = 0;
        }
    }

    /// Lets a connection wait for a document; where too many do, the server refuses it.
    fn park(&mut self, id: usize) {
        let key = self.answering.take_unknown();
        let asked = self.parking.as_mut().zip(key);
        let fetch = asked.and_then(|(parking, key)| parking.ask(id, key));
        match (fetch, self.connections.get_mut(id)) {
            (Some(fetch), Some(connection)) => connection.park(fetch),
            _ => self.connections.remove(id).hand_over(&self.intake),
        }
    }

    /// Gives those a turn whose documents have come. They may have gone to the server meanwhile.
    fn unpark(&mut self) {
        while let Some(arrived) = self.parking.as_ref().and_then(Parking::next) {
            let waiting = self.connections.get_mut(arrived.place);
            if waiting.is_some_and(|one| one.unpark(arrived.fetch, arrived.fetched)) {
                self.again.push(Token(arrived.place));
            }
        }
    }

    fn end_slow(&mut self, now: Instant) {
        let late = self
            .connections
            .iter()
            .filter_map(|(id, one)| one.late(&self.intake, now).map(|late| (id, late)));
        for (id, late) in late.collect::<Vec<_>>() {
            self.connections.remove(id).end(late, &self.intake);
        }
    }
}
