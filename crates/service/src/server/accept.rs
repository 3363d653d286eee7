//! Taking connections from the kernel, through thick and thin.

use std::{io, time::Duration};

use tokio::net::{TcpListener, TcpStream};

use super::ServerCounters;

/// How long to wait when the process or the machine is out of something: long enough not to spin,
/// short enough that nobody notices once it is back.
const PAUSE: Duration = Duration::from_millis(100);

/// The next connection. Failures are counted and tried again for ever: a server that stops
/// accepting because it was once out of file descriptors is down.
///
/// # Cancel safety
/// No connection is lost by dropping it.
pub(super) async fn next(listener: &TcpListener, counters: &ServerCounters) -> TcpStream {
    loop {
        match listener.accept().await {
            Ok((stream, _peer)) => {
                counters.accepted.add();
                return stream;
            }
            Err(error) => {
                if let Some(pause) = on_error(&error, counters) {
                    tokio::time::sleep(pause).await;
                }
            }
        }
    }
}

/// Counts a failed accept. How long to wait before the next, if at all.
pub(super) fn on_error(error: &io::Error, counters: &ServerCounters) -> Option<Duration> {
    counters.accept_errors.add();
    if is_of_the_connection(error) {
        tracing::debug!(%error, "a connection ended before it was accepted");
        return None;
    }
    tracing::warn!(%error, "connections cannot be accepted");
    Some(PAUSE)
}

/// A connection that waits already, if there is one.
pub(super) async fn waiting(
    listener: &TcpListener,
    counters: &ServerCounters,
) -> Option<TcpStream> {
    tokio::select! {
        biased;
        Ok((stream, _peer)) = listener.accept() => {
            counters.accepted.add();
            Some(stream)
        }
        () = std::future::ready(()) => None,
    }
}

/// Whether only the connection that was about to be accepted failed, so that the next may be
/// tried at once (accept(2): network errors of the new socket come out of accept).
pub(crate) fn is_of_the_connection(error: &io::Error) -> bool {
    use io::ErrorKind as E;
    matches!(
        error.kind(),
        E::ConnectionAborted
            | E::ConnectionReset
            | E::ConnectionRefused
            | E::Interrupted
            | E::WouldBlock
            | E::TimedOut
            | E::NetworkDown
            | E::NetworkUnreachable
            | E::HostUnreachable
    )
}
