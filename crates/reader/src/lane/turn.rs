//! One turn of one connection: send what is left, read once, answer what is plain.

use std::{io, time::Instant};

use super::{
    answering::{Answering, Stop},
    connection::{Connection, Sent},
};

/// What becomes of a connection.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Next {
    /// It waits for an event.
    Wait,
    /// There may be more to do at once, after the others.
    Again,
    /// What it has read is no plain request.
    HandOver,
    /// The document that it asks for next is not in memory.
    Fetch,
    Close,
}

/// What a turn came to.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Turn {
    /// Requests answered.
    pub(super) answered: u64,
    pub(super) next: Next,
}

impl Turn {
    /// Of a connection that failed.
    pub(super) const CLOSE: Self = Self {
        answered: 0,
        next: Next::Close,
    };
}

/// Gives a connection its turn. `buffer` is scratch.
///
/// # Errors
/// The connection failed.
pub(super) fn take(
    connection: &mut Connection,
    answering: &mut Answering,
    buffer: &mut [u8],
    now: Instant,
) -> io::Result<Turn> {
    let waiting = Turn {
        answered: 0,
        next: Next::Wait,
    };
    if connection.is_parked() {
        return Ok(waiting);
    }
    if connection.is_blocked() && connection.send_rest(now)? == Sent::Part {
        return Ok(waiting);
    }
    let held = connection.take_unanswered(buffer);
    let room = buffer.len() - held;
    let read = if room == 0 {
        None
    } else {
        connection.read(&mut buffer[held..])?
    };
    let filled = held + read.unwrap_or(0);
    if filled == 0 {
        let next = if read.is_some() {
            Next::Close
        } else {
            Next::Wait
        };
        return Ok(Turn { next, ..waiting });
    }
    answering.set_fetched(connection.fetched.take());
    let answered = answering.answer(&buffer[..filled], connection.place_mut());
    let sent = match answering.out() {
        [] => Sent::All,
        out => connection.send(out, answered.content, now)?,
    };
    connection.note(answered.requests, &buffer[answered.read..filled], now);
    let is_left = answered.read < filled;
    let next = match (sent, answered.stop) {
        // An event tells when the client has taken some of it.
        (Sent::Part, _) => Next::Wait,
        (Sent::All, Stop::Unknown) if connection.may_wait() => Next::Fetch,
        (Sent::All, Stop::Other | Stop::Unknown) => Next::HandOver,
        (Sent::All, Stop::Full) => Next::Again,
        (Sent::All, Stop::Partial) => match read {
            // The server knows what to make of half a request.
            Some(0) if is_left => Next::HandOver,
            Some(0) => Next::Close,
            _ if is_left && answered.read == 0 && filled == buffer.len() => Next::HandOver,
            // Less than there was room for: there is no more (epoll(7), questions and answers).
            Some(len) if len < room => Next::Wait,
            None if room > 0 => Next::Wait,
            _ => Next::Again,
        },
    };
    Ok(Turn {
        answered: answered.requests,
        next,
    })
}
