//! What a connection is doing, as seen from its socket.
//!
//! hyper does not tell, so the pieces around it do: the socket below, the service above, and the
//! bodies between. All but spawned readers of a request's content run in the connection's task,
//! so the atomics are for the compiler's sake and never contended; each field has one writer.

use std::sync::atomic::{AtomicBool, AtomicU8, AtomicU64, Ordering::Relaxed};

/// What a connection is doing.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[repr(u8)]
pub(crate) enum Stage {
    /// Between requests: nothing of the next one is here.
    Waiting = 0,
    /// Part of a request's head is here.
    Head = 1,
    /// The service has the request, or its response is on its way.
    Working = 2,
    /// The service waits for the request's content.
    Content = 3,
    /// The kernel takes no more of the response: the client does not read it.
    Blocked = 4,
}

/// A connection's stage and counts at one moment.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Reading {
    pub(crate) stage: Stage,
    /// Requests that reached the service.
    pub(crate) requests: u64,
    /// Octets read.
    pub(crate) received: u64,
    /// Octets written.
    pub(crate) sent: u64,
}

#[derive(Debug, Default)]
pub(super) struct Meter {
    stage: AtomicU8,
    requests: AtomicU64,
    received: AtomicU64,
    sent: AtomicU64,
    /// hyper has dropped the response's body: it has all of it.
    response_taken: AtomicBool,
    /// The service did not read the request's content to its end.
    content_left: AtomicBool,
    /// The client has closed its side.
    ended: AtomicBool,
}

impl Meter {
    /// Of a connection on which so many requests were answered already.
    pub(super) fn after(requests: u64) -> Self {
        Self {
            requests: AtomicU64::new(requests),
            ..Self::default()
        }
    }

    pub(super) fn read(&self) -> Reading {
        Reading {
            stage: self.stage(),
            requests: self.requests.load(Relaxed),
            received: self.received.load(Relaxed),
            sent: self.sent.load(Relaxed),
        }
    }

    pub(super) fn stage(&self) -> Stage {
        match self.stage.load(Relaxed) {
            0 => Stage::Waiting,
            1 => Stage::Head,
            2 => Stage::Working,
            3 => Stage::Content,
            _ => Stage::Blocked,
        }
    }

    /// Whether no response is owed: what hyper writes now, it writes by itself.
    pub(super) fn is_before_service(&self) -> bool {
        matches!(self.stage(), Stage::Waiting | Stage::Head)
    }

    pub(super) fn has_ended(&self) -> bool {
        self.ended.load(Relaxed)
    }

    pub(super) fn on_received(&self, octets: usize) {
        if octets == 0 {
            self.ended.store(true, Relaxed);
        } else if self.stage() == Stage::Waiting {
            self.set(Stage::Head);
        }
        raise(&self.received, octets as u64);
    }

    pub(super) fn on_request(&self) {
        raise(&self.requests, 1);
        self.response_taken.store(false, Relaxed);
        self.content_left.store(false, Relaxed);
        self.set(Stage::Working);
    }

    pub(super) fn on_content_awaited(&self) {
        self.set(Stage::Content);
    }

    pub(super) fn on_content(&self) {
        if self.stage() == Stage::Content {
            self.set(Stage::Working);
        }
    }

    pub(super) fn on_content_left(&self) {
        self.content_left.store(true, Relaxed);
    }

    /// Whether content of the request may still come, which nobody will read.
    pub(super) fn has_content_left(&self) -> bool {
        self.content_left.load(Relaxed)
    }

    pub(super) fn on_response_taken(&self) {
        self.response_taken.store(true, Relaxed);
    }

    pub(super) fn on_blocked(&self) {
        self.set(Stage::Blocked);
    }

    pub(super) fn on_sent(&self, octets: usize) {
        raise(&self.sent, octets as u64);
        if self.stage() == Stage::Blocked {
            self.set(Stage::Working);
        }
    }

    /// hyper's write buffer is empty.
    pub(super) fn on_flushed(&self) {
        if self.response_taken.load(Relaxed) {
            self.response_taken.store(false, Relaxed);
            self.set(Stage::Waiting);
        }
    }

    fn set(&self, stage: Stage) {
        self.stage.store(stage as u8, Relaxed);
    }
}

/// One writer, so a load and a store do, without a locked instruction.
fn raise(count: &AtomicU64, by: u64) {
    count.store(count.load(Relaxed).wrapping_add(by), Relaxed);
}
