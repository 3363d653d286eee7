//! A live subscription to the feed, whatever carries it.

use std::sync::{
    Arc,
    atomic::{AtomicUsize, Ordering},
};

use shared::FeedMessage;
use tokio::sync::mpsc::{self, error::TrySendError};

/// What a subscription yields.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum FeedEvent {
    /// A message, in the order the bus sent it.
    Message(FeedMessage),
    /// Octets that are not a feed message; counted, otherwise ignored (the slot shows as a gap).
    Undecodable,
}

/// A live subscription to the feed, established when it is handed out.
///
/// It ends (`None`) when the connection is lost or when the follower did not keep up and what
/// waits for it passed [`Self::CAPACITY`] or [`Self::OCTETS_MAX`]. Either way messages may be
/// missing and nothing says how many: the end of a subscription is a gap. It never reconnects by
/// itself.
#[derive(Debug)]
pub struct Subscription {
    /// Bounded; the sending side drops the whole subscription rather than wait.
    events: mpsc::Receiver<Weighed>,
    octets: Arc<AtomicUsize>,
}

/// An event with the octets that it keeps in memory.
#[derive(Debug)]
struct Weighed {
    event: FeedEvent,
    octets: usize,
}

impl Subscription {
    /// Events that may wait for the follower before the subscription is cut off.
    pub const CAPACITY: usize = 65_536;

    /// Octets of messages that may wait for the follower before the subscription is cut off.
    pub const OCTETS_MAX: usize = 64 * 1024 * 1024;

    /// The next event, or `None` once the subscription has ended and all events before are read.
    ///
    /// # Cancel safety
    /// Cancel safe: no event is lost.
    pub async fn next(&mut self) -> Option<FeedEvent> {
        let next = self.events.recv().await?;
        Some(self.take(next))
    }

    /// The next event, if one waits: for whoever takes several at once.
    pub fn next_waiting(&mut self) -> Option<FeedEvent> {
        let next = self.events.try_recv().ok()?;
        Some(self.take(next))
    }

    fn take(&self, Weighed { event, octets }: Weighed) -> FeedEvent {
        self.octets.fetch_sub(octets, Ordering::Relaxed);
        event
    }
}

/// The bus' end of a [`Subscription`]. Dropping it ends the subscription.
#[derive(Debug)]
pub(crate) struct FeedSender {
    events: mpsc::Sender<Weighed>,
    octets: Arc<AtomicUsize>,
}

/// The subscription is over: its follower has gone or did not keep up.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Cut {
    /// What waits would pass a limit of [`Subscription`].
    Overflow,
    /// The follower has dropped it.
    Gone,
}

/// A subscription and the end that feeds it.
pub(crate) fn channel() -> (FeedSender, Subscription) {
    let (sender, events) = mpsc::channel(Subscription::CAPACITY);
    let octets = Arc::new(AtomicUsize::new(0));
    let sender = FeedSender {
        events: sender,
        octets: Arc::clone(&octets),
    };
    (sender, Subscription { events, octets })
}

impl FeedSender {
    /// Hands an event over that keeps `octets` in memory. Never waits: a refusal means that this
    /// sender is to be dropped.
    pub(crate) fn send(&self, event: FeedEvent, octets: usize) -> Result<(), Cut> {
        // Only this side adds, so no other addition comes between the look and the addition.
        if self.octets.load(Ordering::Relaxed) + octets > Subscription::OCTETS_MAX {
            return Err(Cut::Overflow);
        }
        self.octets.fetch_add(octets, Ordering::Relaxed);
        self.events
            .try_send(Weighed { event, octets })
            .map_err(|error| match error {
                TrySendError::Full(_) => Cut::Overflow,
                TrySendError::Closed(_) => Cut::Gone,
            })
    }

    /// Waits until the follower has dropped the subscription.
    ///
    /// # Cancel safety
    /// Cancel safe.
    pub(crate) async fn follower_gone(&self) {
        self.events.closed().await;
    }
}
