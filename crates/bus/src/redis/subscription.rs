//! The feed over a pub/sub connection of its own.

use bytes::Bytes;
use futures_util::{Stream, StreamExt};
use redis::{Client, Msg};
use shared::{
    Delivery, FeedMessage,
    codec::{SLOT_BYTES, decode, decode_message},
};

use super::deadline::{OPERATION_TIMEOUT, within};
use crate::{
    BusError, FeedEvent, Subscription,
    subscription::{self, Cut, FeedSender},
};

/// Subscribes on a new connection.
///
/// redis-rs reads such a connection eagerly into a queue without bound, never reconnects it, and
/// ends its stream once it is lost. The task started here empties that queue without ever waiting
/// for the follower, so what piles up does so in the subscription, which has bounds. It ends with
/// the connection or with the subscription, whichever goes first.
pub(super) async fn subscribe(client: &Client, feed: String) -> Result<Subscription, BusError> {
    let subscribing = async {
        let mut connection = client.get_async_pubsub().await?;
        // Waits for Redis' confirmation: from here on every message comes.
        connection.subscribe(feed).await?;
        Ok(connection.into_on_message())
    };
    let messages = within(OPERATION_TIMEOUT, "subscribing", subscribing).await?;
    let (sender, subscription) = subscription::channel();
    tokio::spawn(pump(messages, sender));
    Ok(subscription)
}

async fn pump(mut messages: impl Stream<Item = Msg> + Unpin, sender: FeedSender) {
    loop {
        let message = tokio::select! {
            message = messages.next() => message,
            () = sender.follower_gone() => return,
        };
        let Some(message) = message else {
            tracing::debug!("the feed's connection was lost");
            return;
        };
        let octets = message.get_payload_bytes();
        match sender.send(event_of(octets), octets.len()) {
            Ok(()) => {}
            Err(Cut::Gone) => return,
            Err(Cut::Overflow) => {
                tracing::warn!("the follower did not keep up: its subscription is cut off");
                return;
            }
        }
    }
}

/// Decodes a message, its envelope into an exact-size allocation of its own: that one may live
/// in a catalog for years, without the header before it.
fn event_of(octets: &[u8]) -> FeedEvent {
    let header = octets.get(..SLOT_BYTES).unwrap_or(octets);
    // A delivery's slot is known from the header alone, whatever follows.
    let message = match decode_message(&Bytes::copy_from_slice(header)) {
        Ok(FeedMessage::Delivery(Delivery { slot, .. })) => {
            let envelope = decode(&Bytes::copy_from_slice(&octets[header.len()..]));
            Ok(FeedMessage::Delivery(Delivery { slot, envelope }))
        }
        _ => decode_message(&Bytes::copy_from_slice(octets)),
    };
    message.map_or(FeedEvent::Undecodable, FeedEvent::Message)
}
