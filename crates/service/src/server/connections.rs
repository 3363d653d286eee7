//! The connections of one accept loop, and those it has no room for.

use std::{convert::Infallible, future::Future, pin::pin};

use axum::body::Body;
use bytes::Bytes;
use http::{Request, Response};
use tokio::{net::TcpStream, task::JoinSet};
use tower::Service;

use super::{
    Server, connection,
    counters::Active,
    intake::{Begun, Handed, Then},
    refusal,
};
use crate::{Kind, Problem};

/// Connections over the cap that are being told so at the same time, at most. Those beyond are
/// closed without a word.
const REFUSALS_MAX: usize = 64;

pub(super) struct Connections<'a, S> {
    server: &'a Server,
    service: S,
    served: JoinSet<()>,
    refused: JoinSet<()>,
}

impl<'a, S, B> Connections<'a, S>
where
    S: Service<Request<Body>, Response = Response<B>, Error = Infallible>,
    S: Clone + Send + 'static,
    S::Future: Send,
    B: http_body::Body<Data = Bytes> + Send + Unpin + 'static,
    B::Error: Into<axum::BoxError>,
{
    pub(super) fn new(server: &'a Server, service: S) -> Self {
        Self {
            server,
            service,
            served: JoinSet::new(),
            refused: JoinSet::new(),
        }
    }

    /// Serves a connection just accepted, or refuses it where there are too many.
    pub(super) fn admit(&mut self, stream: TcpStream) {
        let server = self.server;
        if self.served.len() >= server.limits.connections_max {
            server.counters.rejected.add();
            return self.turn_away(stream);
        }
        connection::prepare(&stream, &server.limits);
        let active = Active::count(server.counters());
        self.serve(stream, Begun::default(), active);
    }

    /// Goes on with a connection that another loop has admitted and counted.
    pub(super) fn take_over(&mut self, handed: Handed) {
        let stream = match TcpStream::from_std(handed.stream) {
            Ok(stream) => stream,
            Err(error) => {
                tracing::warn!(%error, "a connection could not be taken over");
                return;
            }
        };
        match handed.then {
            Then::Serve(begun, slot) => self.serve(stream, begun, slot),
            Then::End(late, slot) => {
                let server = self.server.clone();
                self.served.spawn(async move {
                    connection::end_late(stream, late.into(), &server).await;
                    drop(slot);
                });
            }
            Then::TurnAway => self.turn_away(stream),
        }
    }

    /// Waits until a connection has ended; for ever where there is none.
    ///
    /// # Cancel safety
    /// Nothing is lost by dropping it.
    pub(super) async fn one_ended(&mut self) {
        tokio::select! {
            Some(ended) = self.served.join_next() => note_end(ended),
            Some(ended) = self.refused.join_next() => note_end(ended),
            else => std::future::pending().await,
        }
    }

    /// Waits until all have ended, or cuts off those that are left once `patience` ends.
    pub(super) async fn finish(mut self, patience: impl Future<Output = ()>) {
        let mut patience = pin!(patience);
        loop {
            tokio::select! {
                biased;
                ended = self.served.join_next() => match ended {
                    Some(ended) => note_end(ended),
                    None => return,
                },
                () = &mut patience => return self.cut_off().await,
            }
        }
    }

    /// Ends all at once.
    pub(super) async fn cut_off(mut self) {
        let cut = self.served.len();
        if cut == 0 {
            return;
        }
        let Server {
            counters,
            lifecycle,
            ..
        } = self.server;
        counters.cut_off.add_many(cut as u64);
        let grace_ms = u64::try_from(lifecycle.grace().as_millis()).unwrap_or(u64::MAX);
        tracing::warn!(connections = cut, grace_ms, "cutting connections off");
        self.served.shutdown().await;
    }

    /// `guard` is held for as long as the connection lives.
    fn serve(&mut self, stream: TcpStream, begun: Begun, guard: impl Send + 'static) {
        let server = self.server.clone();
        let service = self.service.clone();
        self.served.spawn(async move {
            connection::drive(stream, begun, service, &server).await;
            drop(guard);
        });
    }

    fn turn_away(&mut self, stream: TcpStream) {
        if self.refused.len() < REFUSALS_MAX {
            let most = self.server.limits.connections_max;
            let detail = format!("there are {most} connections already, which is the most");
            let problem = Problem::new(Kind::TooManyConnections, detail);
            self.refused.spawn(refusal::turn_away(stream, problem));
        }
    }
}

fn note_end(ended: Result<(), tokio::task::JoinError>) {
    // Only a panic in the service comes here; it took that one connection with it.
    if let Err(error) = ended {
        tracing::error!(%error, "a connection's task failed");
    }
}
