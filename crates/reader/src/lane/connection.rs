//! One connection of a lane: what it holds between two events.
//!
//! Between requests it holds its socket and nothing else. Octets are kept here only where a
//! request came in pieces, or where the client did not take its answers: then nothing more is read
//! until it has.

use std::{
    io::{self, IoSlice},
    os::fd::OwnedFd,
    time::{Duration, Instant},
};

use mio::net::TcpStream;
use rustix::{
    io::Errno,
    net::{self, RecvFlags, SendAncillaryBuffer, SendFlags},
};
use service::server::{Intake, Late, Slot};

use super::sections::Place;
use crate::{
    entry::Content,
    fetch::{ATTEMPTS_MAX, Fetched},
};

/// What a connection is doing.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Stage {
    /// Between requests.
    Waiting,
    /// Part of a request is here.
    Head,
    /// The client does not take its answers.
    Blocked,
    /// The document asked for next is being fetched, by this number.
    Parked(u64),
}

/// A connection, and since when it does what it does.
#[derive(Debug)]
pub(super) struct Connection {
    stream: TcpStream,
    slot: Slot,
    stage: Stage,
    /// Where the header section of its last request is.
    place: Place,
    since: Instant,
    /// Requests answered.
    answered: u64,
    /// Read, but not answered.
    unanswered: Vec<u8>,
    /// Answered, but not taken by the kernel.
    unsent: Vec<u8>,
    /// To be sent after `unsent`.
    content: Option<LeftContent>,
    /// What became of the fetch that the next request waited for.
    pub(super) fetched: Option<Fetched>,
    /// Fetches that the next request has waited for.
    fetches: u32,
}

/// Content that is written from where it lies.
#[derive(Debug)]
pub(crate) struct LeftContent {
    content: Content,
    sent: usize,
}

impl LeftContent {
    pub(super) fn new(content: Content) -> Self {
        Self { content, sent: 0 }
    }

    fn rest(&self) -> &[u8] {
        &self.content.as_ref()[self.sent..]
    }
}

/// How much of what there was to send has gone.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Sent {
    All,
    Part,
}

impl Connection {
    pub(super) fn new(stream: TcpStream, slot: Slot, now: Instant) -> Self {
        Self {
            stream,
            slot,
            stage: Stage::Waiting,
            place: Place::default(),
            since: now,
            answered: 0,
            unanswered: Vec::new(),
            unsent: Vec::new(),
            content: None,
            fetched: None,
            fetches: 0,
        }
    }

    pub(super) fn stream_mut(&mut self) -> &mut TcpStream {
        &mut self.stream
    }

    pub(super) fn place_mut(&mut self) -> &mut Place {
        &mut self.place
    }

    pub(super) fn is_blocked(&self) -> bool {
        self.stage == Stage::Blocked
    }

    pub(super) fn is_parked(&self) -> bool {
        matches!(self.stage, Stage::Parked(_))
    }

    /// Whether the next request may wait for one more fetch: what was fetched may go again at
    /// once, but not for ever.
    pub(super) fn may_wait(&self) -> bool {
        self.fetches < ATTEMPTS_MAX
    }

    /// The next request waits for this fetch.
    pub(super) fn park(&mut self, fetch: u64) {
        self.stage = Stage::Parked(fetch);
        self.fetches += 1;
    }

    /// A fetch has ended. Whether it is the one that the next request waits for.
    pub(super) fn unpark(&mut self, fetch: u64, fetched: Fetched) -> bool {
        let waits = self.stage == Stage::Parked(fetch);
        if waits {
            self.stage = Stage::Head;
            self.fetched = Some(fetched);
        }
        waits
    }

    /// Moves what was read and not answered to the front of `buffer`, and says how much it was.
    pub(super) fn take_unanswered(&mut self, buffer: &mut [u8]) -> usize {
        if self.unanswered.is_empty() {
            return 0;
        }
        let len = self.unanswered.len();
        buffer[..len].copy_from_slice(&self.unanswered);
        // Given back: connections are idle most of the time.
        self.unanswered = Vec::new();
        len
    }

    /// Reads once. `None`: there is nothing to read.
    #[inline]
    pub(super) fn read(&mut self, buffer: &mut [u8]) -> io::Result<Option<usize>> {
        loop {
            return match net::recv(&self.stream, &mut *buffer, RecvFlags::empty()) {
                Ok((len, _same)) => Ok(Some(len)),
                Err(Errno::WOULDBLOCK) => Ok(None),
                Err(Errno::INTR) => continue,
                Err(error) => Err(error.into()),
            };
        }
    }

    /// Sends `out`, then the content. What the kernel does not take is kept for
    /// [`Self::send_rest`].
    #[inline]
    pub(super) fn send(
        &mut self,
        out: &[u8],
        content: Option<LeftContent>,
        now: Instant,
    ) -> io::Result<Sent> {
        let rest = content.as_ref().map_or(&[][..], LeftContent::rest);
        let sent = write(&self.stream, out, rest)?;
        if sent == out.len() + rest.len() {
            return Ok(Sent::All);
        }
        self.stage = Stage::Blocked;
        self.since = now;
        self.unsent.extend_from_slice(&out[sent.min(out.len())..]);
        self.content = content.map(|content| LeftContent {
            sent: content.sent + sent.saturating_sub(out.len()),
            ..content
        });
        Ok(Sent::Part)
    }

    /// Sends more of what the kernel did not take.
    pub(super) fn send_rest(&mut self, now: Instant) -> io::Result<Sent> {
        let rest = self.content.as_ref().map_or(&[][..], LeftContent::rest);
        let len = self.unsent.len() + rest.len();
        let sent = write(&self.stream, &self.unsent, rest)?;
        if sent == len {
            self.unsent = Vec::new();
            self.content = None;
            self.stage = Stage::Waiting;
            self.since = now;
            return Ok(Sent::All);
        }
        if sent > 0 {
            self.since = now;
        }
        let of_unsent = sent.min(self.unsent.len());
        self.unsent.drain(..of_unsent);
        if let Some(content) = &mut self.content {
            content.sent += sent - of_unsent;
        }
        Ok(Sent::Part)
    }

    /// Notes that so many requests were answered, and what is left of the octets read.
    pub(super) fn note(&mut self, answered: u64, unanswered: &[u8], now: Instant) {
        self.answered += answered;
        if answered > 0 {
            self.fetches = 0;
        }
        self.unanswered.extend_from_slice(unanswered);
        let stage = match self.stage {
            Stage::Blocked => return,
            _ if unanswered.is_empty() => Stage::Waiting,
            _ => Stage::Head,
        };
        // A head that comes octet by octet has one time for all of them.
        if stage == Stage::Waiting || self.stage != stage || answered > 0 {
            self.since = now;
        }
        self.stage = stage;
    }

    /// How its client is too slow, if it is.
    pub(super) fn late(&self, intake: &Intake, now: Instant) -> Option<Late> {
        let limits = intake.limits();
        let (limit, late): (Duration, _) = match self.stage {
            // Nobody opens a connection to say nothing.
            Stage::Waiting if self.answered == 0 => (limits.head_timeout, Late::Silent),
            Stage::Waiting => (limits.idle_timeout, Late::Silent),
            Stage::Head => (limits.head_timeout, Late::Head),
            Stage::Blocked => (limits.write_timeout, Late::Blocked),
            // The fetch has a limit of its own.
            Stage::Parked(_) => return None,
        };
        (now.saturating_duration_since(self.since) >= limit).then_some(late)
    }

    /// Leaves the connection to the server, with what was read and not answered.
    pub(super) fn hand_over(self, intake: &Intake) {
        let stream = std::net::TcpStream::from(OwnedFd::from(self.stream));
        intake.hand_over(stream, &self.unanswered, self.answered, self.slot);
    }

    /// Lets the server end the connection.
    pub(super) fn end(self, late: Late, intake: &Intake) {
        let stream = std::net::TcpStream::from(OwnedFd::from(self.stream));
        intake.end(stream, late, self.slot);
    }
}

/// Writes both in one call, and says how many octets the kernel took.
#[inline]
fn write(stream: &TcpStream, first: &[u8], second: &[u8]) -> io::Result<usize> {
    // A client that is gone is an error of its connection, no signal to the process.
    let flags = SendFlags::NOSIGNAL;
    loop {
        let written = match (first, second) {
            ([], one) | (one, []) => net::send(stream, one, flags),
            (first, second) => {
                let both = [IoSlice::new(first), IoSlice::new(second)];
                net::sendmsg(stream, &both, &mut SendAncillaryBuffer::default(), flags)
            }
        };
        return match written {
            Err(Errno::WOULDBLOCK) => Ok(0),
            Err(Errno::INTR) => continue,
            other => Ok(other?),
        };
    }
}
