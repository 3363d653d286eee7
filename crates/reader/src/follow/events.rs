//! Takes what the subscription to the feed brings.

use bus::{BusError, FeedEvent, Subscription};
use shared::FeedMessage;
use tracing::{debug, info, warn};

use super::Driver;
use crate::replica::Input;

/// Events taken from the subscription at once, before anything else has its turn.
const EVENTS_AT_ONCE: usize = 256;

impl Driver {
    /// Takes an event and those that wait behind it: a burst costs one look at the clock, and wakes
    /// once those that wait for a position.
    pub(super) fn take_events(&mut self, first: Option<FeedEvent>) {
        let now = self.started.elapsed();
        if let Some(input) = input_of(first) {
            self.take(now, input);
        }
        for _ in 1..EVENTS_AT_ONCE {
            let waiting = self
                .subscription
                .as_mut()
                .and_then(Subscription::next_waiting);
            let Some(event) = waiting else {
                break;
            };
            if let Some(input) = input_of(Some(event)) {
                self.take(now, input);
            }
        }
        self.following.reaching.tell(self.replica.position());
    }

    pub(super) fn take_subscription(&mut self, made: Result<Subscription, BusError>) {
        match made {
            Ok(subscription) => {
                self.log_subscription();
                self.subscription = Some(subscription);
                self.step(Input::Subscribed);
            }
            Err(error) => {
                warn!(
                    error = %telemetry::chain(&error),
                    "no subscription to the feed"
                );
                self.step(Input::Disconnected);
            }
        }
    }

    /// Once in a silence, not each second of it: that may be long.
    fn log_subscription(&mut self) {
        let silences = self.replica.counts().silences;
        if silences == self.silences_told {
            info!("subscribed to the feed");
        } else if !self.silent {
            warn!("nothing comes over the feed, as while no writer leads: subscribed again");
            self.silent = true;
        }
        self.silences_told = silences;
    }
}

/// The next event of the subscription; never, while there is none.
pub(super) async fn next_event(subscription: &mut Option<Subscription>) -> Option<FeedEvent> {
    match subscription {
        Some(live) => {
            let event = live.next().await;
            if event.is_none() {
                *subscription = None;
            }
            event
        }
        None => std::future::pending().await,
    }
}

/// What the machine is to be told of an event; nothing, of octets that mean nothing.
fn input_of(event: Option<FeedEvent>) -> Option<Input> {
    match event {
        Some(FeedEvent::Message(FeedMessage::Delivery(delivery))) => {
            Some(Input::Delivery(delivery))
        }
        Some(FeedEvent::Message(FeedMessage::Notice(slot))) => Some(Input::Notice(slot)),
        Some(FeedEvent::Message(FeedMessage::Heartbeat(beat))) => Some(Input::Heartbeat(beat)),
        Some(FeedEvent::Undecodable) => {
            debug!("octets on the feed that are not a message");
            None
        }
        None => {
            warn!("the subscription to the feed has ended");
            Some(Input::Disconnected)
        }
    }
}
